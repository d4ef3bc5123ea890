// Sessions with `appendfsync always` on a file system that forgets what was not synced: the
// crash oracle of tests/system, in process and with the power cut instead of the process killed.

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>

#include "server/cache/sorted_set_view.h"
#include "server/store/rocks_store.h"
#include "tests/server/cache/keyspace_fixture.h"
#include "tests/support/forgetful_file_system.h"
#include "tests/support/temporary_directory.h"

namespace sojourn::server {
namespace {

// What a key holds. A deadline that was only moved later may come back from a crash a second early.
struct Held {
  std::string text;
  std::map<std::string, std::string> fields;
  Time earliest = kNever;
  Time deadline = kNever;
  std::map<std::string, Time> until = {};  // of the fields that have one; always as it was set

  bool held_at(Time now) const { return now < deadline; }
  // True when it was a hash and no field is left.
  bool forget_due_fields(Time now) {
    if (until.empty()) return false;
    std::erase_if(until, [&](const auto& field) {
      return field.second <= now && fields.erase(field.first) == 1;
    });
    return fields.empty();
  }
};

using Model = std::map<std::string, Held>;

// Everything as it was once the journal's place was reached.
struct Moment {
  JournalPosition position;
  Model model;
};

const std::string kStrings[] = {"s:0", "s:1", "s:2", "s:3", "s:4", "s:5"};
const std::string kHashes[] = {"h:0", "h:1", "h:2", "h:3"};
const std::string kSets[] = {"m:0", "m:1", "m:2"};  // each member has an empty text
const std::string kSortedSets[] = {"z:0", "z:1"};   // each member has its score as text
constexpr int kFieldPool = 160;  // with values of some 100 bytes: well over 8 KiB

class SessionsAtPowerLoss : public KeyspaceTest, public ::testing::WithParamInterface<int> {
 protected:
  SessionsAtPowerLoss()
      : files_(std::make_shared<ForgetfulFileSystem>(home_.path())),
        random_(static_cast<std::uint64_t>(GetParam())) {
    rocks_log_ = std::move(*Log::open(home_ / "log", LogLevel::notice));
    options_.directory = home_ / "data";
    options_.file_system = files_;
    options_.memory_bytes = 768 * 1024;  // memtables of 256 KiB: flushes within a short test
    options_.watermark_interval = std::chrono::milliseconds(1);
    journal_options_.fsync = AppendFsync::always;
  }
  void SetUp() override {}  // each life starts by itself
  void TearDown() override { end(); }
  Store& store() override { return *rocks_; }

  void begin() {
    auto opened = RocksStore::open(options_, *rocks_log_);
    ASSERT_TRUE(opened) << opened.error().detail;
    rocks_ = std::move(*opened);
    auto journal = Journal::open(*rocks_, journal_options_, *rocks_log_);
    ASSERT_TRUE(journal) << journal.error().detail;
    journal_ = std::move(*journal);
    auto keyspace = Keyspace::open({}, clock_, *journal_, rocks_.get(), *rocks_log_);
    ASSERT_TRUE(keyspace) << keyspace.error().detail;
    keyspace_ = std::move(*keyspace);
  }
  void end() {
    stop();
    rocks_.reset();
  }

  std::size_t roll(std::size_t sides) { return random_() % sides; }
  template <class Names>
  const std::string& pick(const Names& names) {
    return names[roll(std::size(names))];
  }
  std::string value() {
    return std::to_string(++rising_) + ":" +
           std::string(roll(4) == 0 ? roll(2000) : roll(200), 'v');
  }

  std::string field() { return "f" + std::to_string(roll(kFieldPool)); }

  // The transaction of one change: of its own, or that of all the changes that are to be one.
  class Doing {
   public:
    Doing(SessionsAtPowerLoss& test, std::span<const Key> keys) : several_(test.several_) {
      if (several_ == nullptr) own_.emplace(*test.keyspace_, keys, test.clock_.now());
    }
    Transaction* operator->() { return several_ != nullptr ? several_ : &*own_; }
    JournalPosition finish() {
      if (several_ == nullptr) return own_->finish();
      several_->next_command();
      return 0;
    }

   private:
    Transaction* const several_;
    std::optional<Transaction> own_;
  };
  friend class Doing;

  // Within a transaction its keys are known, and their shards held.
  Key key(std::string_view name) {
    return several_ != nullptr ? keyspace_->key(0, name) : KeyspaceTest::key(name);
  }

  // As EXEC does it: all of these or none are there after the power is back.
  JournalPosition change_several(Model& model) {
    std::vector<Key> keys;
    for (const std::string& name : names_) keys.push_back(key(name));
    std::optional<Transaction> transaction;
    if (keyspace_->warm() && roll(2) == 0) {
      transaction.emplace(*keyspace_, Transaction::AllShards(), clock_.now());
    } else {
      transaction.emplace(*keyspace_, keys, clock_.now());
    }
    several_ = &*transaction;
    for (std::size_t i = 2 + roll(6); i > 0; --i) change(model);
    several_ = nullptr;
    return transaction->finish();
  }

  // One change, done to the keyspace and to the model; returns the place it must wait for.
  JournalPosition change(Model& model) {
    if (several_ == nullptr && roll(6) == 0) return change_several(model);
    switch (roll(35)) {
      case 0:
        return set_deadline_of(model, pick(kStrings), true);
      case 1:
      case 2:
        return set_deadline_of(model, pick(kHashes), true);
      case 3:
        return set_deadline_of(model, roll(2) == 0 ? pick(kStrings) : pick(kHashes), false);
      case 4:
      case 5:
        return drop(model, roll(3) == 0 ? pick(kHashes) : pick(kStrings));
      case 6:
        return drop_fields(model, pick(kHashes));
      case 7:
        return move(model, pick(kStrings), pick(kStrings));
      case 8:
        return move(model, pick(kHashes), pick(kHashes));
      case 9:
        return duplicate(model, pick(kHashes), pick(kHashes));
      case 10:
        return put_short_lived(model);
      case 11:
        return roll(10) == 0 ? flush_all(model) : put_two(model);
      case 12:
      case 13:
      case 14:
      case 15:
        return put_fields(model, pick(kHashes));
      case 16:
      case 17:
        return add_members(model, pick(kSets));
      case 18:
        return drop_members(model, pick(kSets));
      case 19:
        return move_member(model, pick(kSets), pick(kSets));
      case 20:
        return store_union(model, pick(kSets), pick(kSets));
      case 26:
      case 27:
        return put_scores(model, pick(kSortedSets));
      case 28:
        return drop_members(model, pick(kSortedSets));
      case 29:
        return roll(4) == 0 ? drop(model, pick(kSortedSets))
                            : duplicate(model, pick(kSortedSets), pick(kSortedSets));
      case 30:
      case 31:
      case 32:
        return set_field_deadlines(model, pick(kHashes));
      case 21:
        return roll(4) == 0 ? drop(model, pick(kSets)) : set_deadline_of(model, pick(kSets), true);
      default:
        return put_text(model, pick(kStrings), kNever);
    }
  }

  JournalPosition put_text(Model& model, const std::string& name, Time deadline) {
    model[name] = {value(), {}, deadline, deadline};
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    tx->put_string(k, model[name].text, deadline);
    return tx.finish();
  }
  // A name that is used once: when its time has passed, or it was deleted, it must stay away.
  JournalPosition put_short_lived(Model& model) {
    if (several_ != nullptr && !several_->holds_all()) return 0;
    return put_text(model, "x:" + std::to_string(++rising_), in(Millis(1 + roll(400))));
  }
  JournalPosition put_two(Model& model) {
    const Key keys[] = {key("s:0"), key("s:1")};
    Doing tx(*this, keys);
    for (const Key& k : keys) {
      Held& held = model[std::string(k.name)] = {value(), {}, kNever, kNever};
      tx->put_string(k, held.text, kNever);
    }
    return tx.finish();
  }
  JournalPosition put_fields(Model& model, const std::string& name) {
    auto& fields = model[name].fields;
    std::map<std::string, std::string> fresh;
    if (!fields.empty() && roll(3) == 0) {
      fresh[fields.begin()->first] = value();  // again and again the same one, alone
    } else {
      for (std::size_t i = 0; i < 8; ++i) fresh[field()] = value();
    }
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    using FieldDeadline = Transaction::FieldDeadline;
    const auto old_one = roll(3) == 0 ? FieldDeadline::kept : FieldDeadline::dropped;
    for (const auto& [field, text] : fresh) {
      EXPECT_EQ(tx->put_field(k, field, text, old_one), !fields.contains(field));
      fields[field] = text;
      if (old_one == FieldDeadline::dropped) model[name].until.erase(field);
    }
    return tx.finish();
  }
  // Some far away, some near enough to pass in this life, some taken off.
  JournalPosition set_field_deadlines(Model& model, const std::string& name) {
    const auto held = model.find(name);
    if (held == model.end()) return 0;
    const auto& fields = held->second.fields;
    auto& until = held->second.until;
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    for (int i = 0; i < 12; ++i) {
      const auto chosen = fields.find(field());
      if (chosen == fields.end()) continue;
      const Time deadline = roll(4) == 0   ? kNever
                            : roll(4) == 0 ? in(Millis(1 + roll(400)))
                                           : in(1h + Millis(roll(100'000)));
      tx->set_field_deadline(k, kept_.emplace_back(chosen->first), deadline);
      if (deadline == kNever) {
        until.erase(chosen->first);
      } else {
        until[chosen->first] = deadline;
      }
    }
    return tx.finish();
  }
  JournalPosition drop_fields(Model& model, const std::string& name) {
    const auto held = model.find(name);
    if (held == model.end()) return 0;
    const std::set<std::string> dropped{field(), field(), field(), field(), field()};
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    for (const std::string& field : dropped) {
      if (held->second.fields.empty()) break;  // the key went with its last field
      EXPECT_EQ(tx->erase_field(k, field), held->second.fields.erase(field) == 1);
      held->second.until.erase(field);
    }
    if (held->second.fields.empty()) model.erase(held);
    return tx.finish();
  }

  // A member of over 50 bytes: 160 of them are more than a small set holds.
  std::string member() { return field() + std::string(60, 'm'); }
  JournalPosition add_members(Model& model, const std::string& name) {
    auto& members = model[name].fields;
    std::vector<std::string> fresh;
    for (std::size_t i = 0; i < 10; ++i) fresh.push_back(member());
    const std::size_t before = members.size();
    for (const std::string& text : fresh) members[text] = "";
    const std::vector<std::string_view> words(fresh.begin(), fresh.end());
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    EXPECT_EQ(tx->add_members(k, words), members.size() - before);
    return tx.finish();
  }
  JournalPosition drop_members(Model& model, const std::string& name) {
    const auto held = model.find(name);
    if (held == model.end()) return 0;
    const std::set<std::string> dropped{member(), member(), member(), member(), member()};
    std::size_t there = 0;
    for (const std::string& text : dropped) there += held->second.fields.erase(text);
    if (held->second.fields.empty()) model.erase(held);
    const std::vector<std::string_view> words(dropped.begin(), dropped.end());
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    EXPECT_EQ(tx->erase_members(k, words), there);
    return tx.finish();
  }
  JournalPosition put_scores(Model& model, const std::string& name) {
    auto& scores = model[name].fields;
    std::map<std::string, std::string> fresh;
    for (std::size_t i = 0; i < 8; ++i) fresh[member()] = std::to_string(roll(1000));
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    for (const auto& [text, score] : fresh) {
      EXPECT_EQ(tx->put_score(k, {std::stod(score), text}), !scores.contains(text));
      scores[text] = score;
    }
    return tx.finish();
  }
  // Never in both sets, never in none.
  JournalPosition move_member(Model& model, const std::string& from, const std::string& to) {
    const auto source = model.find(from);
    if (source == model.end() || from == to) return 0;
    const std::string moved = source->second.fields.begin()->first;
    const std::string_view word = moved;
    source->second.fields.erase(moved);
    if (source->second.fields.empty()) model.erase(source);
    model[to].fields[moved] = "";
    const Key keys[] = {key(from), key(to)};
    Doing tx(*this, keys);
    EXPECT_EQ(tx->erase_members(keys[0], {&word, 1}), 1u);
    tx->add_members(keys[1], {&word, 1});
    return tx.finish();
  }
  JournalPosition store_union(Model& model, const std::string& name, const std::string& other) {
    std::map<std::string, std::string> members;
    for (const std::string& source : {name, other}) {
      if (const auto held = model.find(source); held != model.end()) {
        members.insert(held->second.fields.begin(), held->second.fields.end());
      }
    }
    if (members.empty()) return 0;
    model[name] = {.text = {}, .fields = members};
    std::vector<std::string_view> words;
    for (const auto& [text, none] : members) words.push_back(text);
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    tx->put_set(k, words);
    return tx.finish();
  }
  JournalPosition drop(Model& model, const std::string& name) {
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    EXPECT_EQ(tx->erase(k), model.erase(name) == 1) << name;
    return tx.finish();
  }
  JournalPosition set_deadline_of(Model& model, const std::string& name, bool later) {
    const auto held = model.find(name);
    if (held == model.end()) return 0;
    const Time old = held->second.deadline;
    Time fresh = in(1h + Millis(roll(100'000)));
    if (later && old != kNever) fresh = old + Millis(1 + roll(3000));
    if (!later && roll(2) == 0) fresh = kNever;
    held->second.deadline = fresh;
    const bool may_wait = old != kNever && fresh != kNever && fresh > old;
    held->second.earliest = may_wait ? fresh - 1s : fresh;
    const Key k = key(name);
    Doing tx(*this, {&k, 1});
    tx->set_deadline(k, fresh);
    return tx.finish();
  }
  JournalPosition move(Model& model, const std::string& from, const std::string& to) {
    if (!model.contains(from) || from == to) return 0;
    const Key keys[] = {key(from), key(to)};
    Doing tx(*this, keys);
    tx->rename(keys[0], keys[1]);
    model[to] = model[from];
    model.erase(from);
    return tx.finish();
  }
  JournalPosition duplicate(Model& model, const std::string& from, const std::string& to) {
    if (!model.contains(from) || from == to) return 0;
    const Key keys[] = {key(from), key(to)};
    Doing tx(*this, keys);
    tx->copy(keys[0], keys[1]);
    model[to] = model[from];
    return tx.finish();
  }
  JournalPosition flush_all(Model& model) {
    if (several_ != nullptr && !several_->holds_all()) return 0;
    model.clear();
    if (several_ == nullptr) return keyspace_->flush(0);
    several_->flush(0);
    return 0;
  }

  void forget_the_expired(Model& model) {
    for (auto held = model.begin(); held != model.end();) {
      held = held->second.forget_due_fields(clock_.now()) ? model.erase(held) : std::next(held);
    }
    std::erase_if(model, [&](const auto& entry) {
      if (entry.second.held_at(clock_.now())) return false;
      gone_.push_back(entry.first);
      return true;
    });
  }

  // Changes until the power goes. Leaves in moments_ what may be there afterwards, the first of
  // them being the last that was acknowledged.
  void live(Model model) {
    moments_ = {{0, model}};
    while (files_->powered()) {
      step(model);
      forget_what_was_overtaken();
    }
  }
  void step(Model& model) {
    forget_the_expired(model);
    const JournalPosition position = change(model);
    if (position != 0) moments_.push_back({position, model});
    if (roll(3) == 0) journal_->end_turn();
    if (roll(10) == 0) journal_->flush();
    if (roll(5) == 0) advance(Millis(roll(300)));
    if (roll(5) == 0) upkeep();
  }
  void forget_what_was_overtaken() {
    const JournalPosition acknowledged = journal_->released();
    if (!files_->powered()) return;  // it may have been after the cut
    while (moments_.size() > 1 && moments_[1].position <= acknowledged) moments_.pop_front();
  }

  std::string difference(const std::string& name, const Model& model) {
    const auto held = model.find(name);
    const std::optional<Time> found = deadline(name);
    const Time now = clock_.now();
    if (held == model.end()) return found ? name + " is back" : "";
    Held expected = held->second;
    if (expected.forget_due_fields(now)) return found ? name + " has fields left" : "";
    if (!found) return now < expected.earliest ? name + " is lost" : "";
    if (!expected.held_at(now)) return name + " outlived its deadline";
    if (*found < expected.earliest || *found > expected.deadline) return name + ": its deadline";
    if (!expected.fields.empty()) {
      if (fields(name) != expected.fields.size()) return name + ": how many fields";
      const bool scored = name.starts_with('z');
      for (const auto& [field, text] : expected.fields) {
        const std::string bytes(scored ? view(encode_score(std::stod(text))) : text);
        if (get_field(name, field) != bytes) return name + ": " + field;
        const auto until = expected.until.find(field);
        if (field_deadline(name, field) != (until == expected.until.end() ? kNever : until->second))
          return name + ": the deadline of " + field;
      }
      return scored ? order_difference(name) : "";
    }
    return get(name) == expected.text ? "" : name + ": its value";
  }
  std::string order_difference(const std::string& name) {
    const Key k = key(name);
    Transaction tx(*keyspace_, {&k, 1}, clock_.now());
    const SortedSetView set(*tx.find(k));
    std::vector<ScoredMember> members;
    set.for_each([&](const ScoredMember& member) { members.push_back(member); });
    const bool in_order =
        members.size() == set.size() && std::is_sorted(members.begin(), members.end());
    return in_order ? "" : name + " is not in order";
  }
  std::string difference(const Model& model) {
    for (const auto* names : {&names_, &gone_}) {
      for (const std::string& name : *names) {
        if (auto wrong = difference(name, model); !wrong.empty()) return wrong;
      }
    }
    for (const auto& [name, held] : model) {
      if (auto wrong = difference(name, model); !wrong.empty()) return wrong;
    }
    return "";
  }

  // The moment that is there, with its deadlines as they are now.
  std::optional<Model> found() {
    std::string differences;
    for (Moment& moment : moments_) {
      const std::string wrong = difference(moment.model);
      if (!wrong.empty()) {
        differences += "\n" + wrong;
        continue;
      }
      for (auto& [name, held] : moment.model) {
        held.forget_due_fields(clock_.now());
        if (const auto there = deadline(name)) held.earliest = held.deadline = *there;
      }
      std::erase_if(moment.model, [&](const auto& entry) { return !deadline(entry.first); });
      return moment.model;
    }
    ADD_FAILURE() << "what is there never was, or had been acknowledged as changed:" << differences;
    return std::nullopt;
  }

  TemporaryDirectory home_;
  std::unique_ptr<Log> rocks_log_;
  std::shared_ptr<ForgetfulFileSystem> files_;
  RocksStore::Options options_;
  std::unique_ptr<RocksStore> rocks_;
  std::mt19937_64 random_;
  std::uint64_t rising_ = 0;
  std::deque<Moment> moments_{{0, {}}};
  std::vector<std::string> names_ = [] {
    std::vector<std::string> names(std::begin(kStrings), std::end(kStrings));
    names.insert(names.end(), std::begin(kHashes), std::end(kHashes));
    names.insert(names.end(), std::begin(kSets), std::end(kSets));
    names.insert(names.end(), std::begin(kSortedSets), std::end(kSortedSets));
    return names;
  }();
  std::vector<std::string> gone_;
  Transaction* several_ = nullptr;
  std::deque<std::string> kept_;  // names that a transaction needs until its end
};

INSTANTIATE_TEST_SUITE_P(Lives, SessionsAtPowerLoss, ::testing::Range(1, 7));

TEST_P(SessionsAtPowerLoss, AreAsAcknowledgedOrAsSentAfterIt) {
  for (int cut = 0; cut < 8; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    // Now and then in the middle of opening.
    files_->cut_after(roll(cut % 4 == 3 ? 60 : 3'000));
    ASSERT_NO_FATAL_FAILURE(begin());
    live(moments_.front().model);
    end();
    ASSERT_FALSE(files_->powered());
    const std::uint64_t seed = random_();
    files_->power_on(seed % 3 == 0 ? std::nullopt : std::optional(seed));

    ASSERT_NO_FATAL_FAILURE(begin());
    const auto there = found();  // some of it read from the disk for this
    ASSERT_TRUE(there);
    moments_ = {{0, *there}};
    wait_until_warm();
    ASSERT_TRUE(found());
    end();
  }
  EXPECT_GT(gone_.size(), 10u);
}

}  // namespace
}  // namespace sojourn::server

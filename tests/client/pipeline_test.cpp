#include "client/src/pipeline.h"

#include <gtest/gtest.h>

namespace sojourn::detail {
namespace {

using std::chrono::seconds;

using Answers = std::vector<std::optional<Result<Replies>>>;

class Recorder final : public Completion {
 public:
  explicit Recorder(std::optional<Result<Replies>>& answer) : answer_(answer) {}
  void complete(Result<Replies> result) override { answer_ = std::move(result); }

 private:
  std::optional<Result<Replies>>& answer_;
};

class PipelineTest : public testing::Test {
 protected:
  static TimePoint at(int second) { return TimePoint() + seconds(second); }

  // A call of `commands` commands; its answer is found under the number returned.
  std::size_t call(std::size_t commands, bool idempotent = false, int deadline = 0) {
    Call call;
    call.id = calls_;
    for (std::size_t i = 0; i < commands; ++i) call.request.push("GET", i);
    call.request.idempotent(idempotent);
    call.completion = std::make_unique<Recorder>(answers_[calls_]);
    if (deadline > 0) call.deadline = at(deadline);
    bytes_of_command_ = call.request.bytes().size() / commands;
    pipeline_.add(std::move(call));
    return calls_++;
  }

  std::string fill(std::size_t bytes_max = 1'000'000, int now = 0) {
    std::string out;
    pipeline_.fill(out, bytes_max, at(now));
    return out;
  }

  void fill_and_send() { pipeline_.sent(fill().size()); }

  static Reply reply(std::int64_t value) {
    Reply reply;
    reply.type = Reply::Type::integer;
    reply.integer = value;
    return reply;
  }

  bool pending(std::size_t call) { return !answers_[call]; }
  std::size_t replies(std::size_t call) { return answers_[call]->value().size(); }
  Error error(std::size_t call) { return answers_[call]->error(); }
  bool expire(int now, int heard) {
    return pipeline_.expire(at(now), at(heard), Error(Errc::not_connected));
  }

  Pipeline pipeline_;
  std::size_t calls_ = 0;
  std::size_t bytes_of_command_ = 0;
  Answers answers_{16};
};

TEST_F(PipelineTest, AnswersGoToTheCallsInTheirOrder) {
  const auto first = call(2);
  const auto second = call(1);
  fill_and_send();
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_TRUE(pending(first));
  EXPECT_TRUE(pipeline_.answer(reply(2)));
  EXPECT_EQ(answers_[first]->value(), (Replies{reply(1), reply(2)}));
  EXPECT_TRUE(pending(second));
  EXPECT_TRUE(pipeline_.answer(reply(3)));
  EXPECT_EQ(answers_[second]->value(), Replies{reply(3)});
  EXPECT_TRUE(pipeline_.empty());
}

TEST_F(PipelineTest, AnAnswerToNothingIsRefused) {
  EXPECT_FALSE(pipeline_.answer(reply(1)));
  call(1);
  EXPECT_FALSE(pipeline_.answer(reply(1))) << "the call has not been given out";
}

TEST_F(PipelineTest, GivesOutCallsWholeUpToABound) {
  call(1);
  call(1);
  call(1);
  EXPECT_EQ(fill(2 * bytes_of_command_).size(), 2 * bytes_of_command_);
  EXPECT_EQ(fill(1).size(), bytes_of_command_) << "the first is given out however large";
  EXPECT_FALSE(pipeline_.has_waiting());
}

TEST_F(PipelineTest, ALossTellsWhichCommandsMayHaveHappened) {
  const auto lost = call(4);
  fill();
  pipeline_.sent(3 * bytes_of_command_ + 1);
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  pipeline_.lose(Error(Errc::connection_lost));
  EXPECT_EQ(error(lost).code, Errc::connection_lost);
  const Fate fate = error(lost).fate;
  EXPECT_TRUE(fate.happened(0));
  EXPECT_TRUE(fate.may_have_happened(1));
  EXPECT_TRUE(fate.may_have_happened(2));
  EXPECT_FALSE(fate.may_have_happened(3)) << "one byte of it left; the server cannot run that";
}

TEST_F(PipelineTest, WhatNeverLeftIsSentAgainAndWhatDidIsNot) {
  const auto sent = call(1);
  const auto begun = call(1);
  const auto waiting = call(1);
  fill(2 * bytes_of_command_);
  pipeline_.sent(bytes_of_command_ + 3);
  pipeline_.lose(Error(Errc::connection_lost));
  EXPECT_EQ(error(sent).fate, (Fate{.answered = 0, .sent = 1}));
  EXPECT_TRUE(pending(begun));
  EXPECT_TRUE(pending(waiting));
  EXPECT_EQ(fill().size(), 2 * bytes_of_command_) << "from their first bytes";
  pipeline_.sent(2 * bytes_of_command_);
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_TRUE(pipeline_.answer(reply(2)));
  EXPECT_EQ(answers_[waiting]->value(), Replies{reply(2)});
}

TEST_F(PipelineTest, AnIdempotentCallIsSentAgainWholeAndInItsPlace) {
  const auto idempotent = call(2, true);
  const auto later = call(1);
  fill(2 * bytes_of_command_);
  pipeline_.sent(2 * bytes_of_command_);
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  pipeline_.lose(Error(Errc::connection_lost));
  EXPECT_TRUE(pending(idempotent));
  fill_and_send();
  for (int i = 2; i < 5; ++i) EXPECT_TRUE(pipeline_.answer(reply(i)));
  EXPECT_EQ(answers_[idempotent]->value(), (Replies{reply(2), reply(3)}));
  EXPECT_EQ(answers_[later]->value(), Replies{reply(4)});
}

TEST_F(PipelineTest, ABadReplyFailsTheCallItAnswersEvenIfIdempotentAndSparesTheOthers) {
  const auto bad = call(1, true);
  const auto idempotent = call(1, true);
  const auto other = call(1);
  fill_and_send();
  pipeline_.lose(Error(Errc::reply_too_large));
  EXPECT_EQ(error(bad).code, Errc::reply_too_large);
  EXPECT_TRUE(pending(idempotent));
  EXPECT_EQ(error(other).code, Errc::connection_lost);
}

TEST_F(PipelineTest, AnAnswerMayComeBeforeTheWriteIsKnownToBeDone) {
  const auto quick = call(1);
  const auto next = call(2);
  fill();
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_EQ(replies(quick), 1u);
  pipeline_.sent(2 * bytes_of_command_);
  pipeline_.lose(Error(Errc::connection_lost));
  EXPECT_EQ(error(next).fate, (Fate{.answered = 0, .sent = 1}));
}

TEST_F(PipelineTest, ACallOutOfTimeKeepsItsPlaceOnTheWire) {
  const auto late = call(2, false, 5);
  const auto patient = call(1);
  fill_and_send();
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_FALSE(expire(4, 1));
  EXPECT_TRUE(pending(late));
  EXPECT_FALSE(expire(5, 1));
  EXPECT_EQ(error(late).code, Errc::timeout);
  EXPECT_EQ(error(late).fate, (Fate{.answered = 1, .sent = 2}));
  EXPECT_TRUE(pipeline_.answer(reply(2)));
  EXPECT_TRUE(pipeline_.answer(reply(3)));
  EXPECT_EQ(answers_[patient]->value(), Replies{reply(3)});
}

TEST_F(PipelineTest, ACallOutOfTimeBeforeItWasGivenOutNeverHappens) {
  const auto waiting = call(1, false, 5);
  EXPECT_FALSE(expire(5, 0));
  EXPECT_EQ(error(waiting).code, Errc::not_connected);
  EXPECT_TRUE(error(waiting).fate.nothing_happened());
  EXPECT_EQ(fill(), "");
}

TEST_F(PipelineTest, AServerSilentForAWholeCallsTimeIsGone) {
  call(1, false, 5);
  fill(1'000'000, 2);
  EXPECT_TRUE(expire(5, 1)) << "last heard before the call was given out";
}

TEST_F(PipelineTest, AServerThatSaidAnythingMeanwhileIsOnlySlow) {
  call(1, false, 5);
  fill(1'000'000, 2);
  EXPECT_FALSE(expire(5, 3));
}

TEST_F(PipelineTest, KnowsItsNextDeadline) {
  EXPECT_EQ(pipeline_.next_deadline(), std::nullopt);
  call(1);
  call(1, false, 7);
  call(1, false, 5);
  EXPECT_EQ(pipeline_.next_deadline(), at(5));
  EXPECT_FALSE(expire(5, 0));
  EXPECT_EQ(pipeline_.next_deadline(), at(7));
}

TEST_F(PipelineTest, ACancelledCallIsToldAtOnceAndMissesNobodyElse) {
  const auto on_wire = call(1);
  fill_and_send();
  const auto waiting = call(1);
  const auto other = call(1);
  pipeline_.cancel(on_wire);
  pipeline_.cancel(waiting);
  EXPECT_EQ(error(on_wire).code, Errc::cancelled);
  EXPECT_EQ(error(on_wire).fate.sent, 1u);
  EXPECT_EQ(error(waiting).code, Errc::cancelled);
  EXPECT_TRUE(error(waiting).fate.nothing_happened());
  fill_and_send();
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_TRUE(pipeline_.answer(reply(2)));
  EXPECT_EQ(answers_[other]->value(), Replies{reply(2)});
}

TEST_F(PipelineTest, FailsAllThatIsPendingAtTheEnd) {
  const auto on_wire = call(1, true);
  fill_and_send();
  const auto waiting = call(1);
  pipeline_.fail_all(Error(Errc::closed));
  EXPECT_EQ(error(on_wire).code, Errc::closed);
  EXPECT_EQ(error(on_wire).fate.sent, 1u);
  EXPECT_TRUE(error(waiting).fate.nothing_happened());
  EXPECT_TRUE(pipeline_.empty());
}

TEST_F(PipelineTest, GivesItsLoadBackBeforeItTells) {
  const auto meter = std::make_shared<Meter>();
  Call call;
  call.request.push("GET", "k");
  call.completion = std::make_unique<Recorder>(answers_[0]);
  call.load = Load(meter, std::make_shared<Meter>(), 10);
  EXPECT_EQ(meter->calls, 1u);
  EXPECT_EQ(meter->bytes, 10u);
  pipeline_.add(std::move(call));
  fill_and_send();
  EXPECT_EQ(meter->calls, 1u);
  EXPECT_TRUE(pipeline_.answer(reply(1)));
  EXPECT_EQ(meter->calls, 0u);
  EXPECT_EQ(meter->bytes, 0u);
}

}  // namespace
}  // namespace sojourn::detail

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "server/base/glob.h"
#include "server/base/numbers.h"
#include "server/commands/command_traits.h"
#include "server/commands/key_words.h"
#include "server/commands/registry.h"
#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

using protocol::ReplyWriter;

void simple_set(ReplyWriter& reply, const std::vector<std::string_view>& names,
                std::string_view prefix = "") {
  reply.set(names.size());
  for (std::string_view name : names) reply.simple(std::string(prefix).append(name));
}

// How Redis's key specifications put it that keys are found from a word on.
struct FindKeys {
  std::string_view type;
  std::array<std::pair<std::string_view, int>, 3> spec;
};
FindKeys range(int first, int last, int step) {
  // Both are counted from the first key.
  return {"range",
          {{{"lastkey", last < 0 ? last : last - first}, {"keystep", step}, {"limit", 0}}}};
}
constexpr FindKeys kCounted{"keynum", {{{"keynumidx", 0}, {"firstkey", 1}, {"keystep", 1}}}};

// One run of keys.
void key_spec(ReplyWriter& reply, std::string_view notes,
              const std::vector<std::string_view>& flags, int first, const FindKeys& find) {
  reply.map(notes.empty() ? 3 : 4);
  if (!notes.empty()) {
    reply.bulk("notes");
    reply.bulk(notes);
  }
  reply.bulk("flags");
  simple_set(reply, flags);
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(first);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk(find.type);
  reply.bulk("spec");
  reply.map(find.spec.size());
  for (const auto& [name, number] : find.spec) {
    reply.bulk(name);
    reply.integer(number);
  }
}

// Keys that always stand at the same places.
bool has_fixed_keys(const KeySpec& keys) {
  return keys.first != 0 && (keys.counted == 0 || keys.first < keys.counted);
}

void key_specs(ReplyWriter& reply, const KeySpec& keys) {
  if (keys.first == 0) return reply.set(0);
  auto flags = key_flags(keys.use);
  if (!keys.options.empty()) flags.push_back("variable_flags");
  const auto rest_flags = key_flags(keys.use_rest);
  const bool counted = keys.counted != 0;
  if (counted && !has_fixed_keys(keys)) {
    reply.set(1);
    return key_spec(reply, keys.notes, rest_flags, keys.counted, kCounted);
  }
  const int last_of_first = keys.use_rest == 0 || counted ? keys.last : keys.first;
  reply.set(keys.use_rest == 0 ? 1 : 2);
  key_spec(reply, keys.notes, flags, keys.first, range(keys.first, last_of_first, keys.step));
  if (counted) return key_spec(reply, keys.notes, rest_flags, keys.counted, kCounted);
  if (keys.use_rest == 0) return;
  const int second = keys.first + keys.step;
  key_spec(reply, keys.notes, rest_flags, second, range(second, keys.last, keys.step));
}

void key_specs(ReplyWriter& reply, const Command& row) {
  const KeySpec& words = row.slot_words;
  if (words.first == 0) return key_specs(reply, row.keys);
  reply.set(1);
  key_spec(reply, words.notes, {"not_key"}, words.first,
           range(words.first, words.last, words.step));
}

void describe(ReplyWriter& reply, const Command& row) {
  const KeySpec& range = row.slot_words.first != 0 ? row.slot_words : row.keys;
  reply.array(10);
  reply.bulk(row.full_name);
  reply.integer(row.arity.words);
  simple_set(reply, flag_names(row));
  const bool fixed = row.slot_words.first != 0 || has_fixed_keys(row.keys);
  reply.integer(fixed ? range.first : 0);
  reply.integer(fixed ? range.last : 0);
  reply.integer(fixed ? range.step : 0);
  simple_set(reply, acl_categories(row), "@");
  const auto all_tips = tips(row);
  reply.set(all_tips.size());
  for (const std::string& tip : all_tips) reply.bulk(tip);
  key_specs(reply, row);
  // As Redis has it: a set when there are none, otherwise an array.
  if (row.subcommands.empty()) return reply.set(0);
  reply.array(row.subcommands.size());
  for (const Command& sub : row.subcommands) describe(reply, sub);
}

void document(ReplyWriter& reply, const Argument& argument);

void document(ReplyWriter& reply, const std::vector<Argument>& arguments) {
  reply.bulk("arguments");
  reply.array(arguments.size());
  for (const Argument& argument : arguments) document(reply, argument);
}

std::size_t count_told(std::initializer_list<bool> parts) {
  return static_cast<std::size_t>(std::count(parts.begin(), parts.end(), true));
}

// What is told only if there is anything to tell.
void document(ReplyWriter& reply, std::string_view what, std::string_view text) {
  if (text.empty()) return;
  reply.bulk(what);
  reply.bulk(text);
}
void document(ReplyWriter& reply, std::string_view what,
              const std::vector<std::string_view>& flags) {
  if (flags.empty()) return;
  reply.bulk(what);
  simple_set(reply, flags);
}

void document(ReplyWriter& reply, const Argument& argument) {
  std::vector<std::string_view> flags;
  if (argument.optional) flags.push_back("optional");
  if (argument.multiple) flags.push_back("multiple");
  if (argument.multiple_token) flags.push_back("multiple_token");
  const bool is_key = argument.key_spec >= 0;
  // Its name and type, its parts or how it is shown, and
  reply.map(3 + count_told({is_key, !argument.token.empty(), !argument.since.empty(),
                            !argument.deprecated_since.empty(), !flags.empty()}));
  reply.bulk("name");
  reply.bulk(argument.name);
  reply.bulk("type");
  reply.bulk(type_name(argument.type));
  if (argument.parts.empty()) {
    reply.bulk("display_text");
    reply.bulk(argument.name);
  }
  if (is_key) {
    reply.bulk("key_spec_index");
    reply.integer(argument.key_spec);
  }
  document(reply, "token", argument.token);
  document(reply, "since", argument.since);
  document(reply, "deprecated_since", argument.deprecated_since);
  document(reply, "flags", flags);
  if (!argument.parts.empty()) document(reply, argument.parts);
}

void document(ReplyWriter& reply, const Command& row) {
  const bool has_subs = !row.subcommands.empty();
  const std::vector<Argument> arguments = arguments_of(row);
  const std::vector<std::string_view> flags = doc_flags(row);
  reply.bulk(row.full_name);
  // A summary, since when, its group, and
  reply.map(3 + count_told({!row.complexity.empty(), !flags.empty(), !row.deprecated.since.empty(),
                            !row.deprecated.replaced_by.empty(), !arguments.empty(), has_subs}));
  reply.bulk("summary");
  reply.bulk(row.summary);
  reply.bulk("since");
  reply.bulk(row.since);
  reply.bulk("group");
  reply.bulk(group_name(row.group));
  document(reply, "complexity", row.complexity);
  document(reply, "doc_flags", flags);
  document(reply, "deprecated_since", row.deprecated.since);
  document(reply, "replaced_by", row.deprecated.replaced_by);
  if (!arguments.empty()) document(reply, arguments);
  if (has_subs) {
    reply.bulk("subcommands");
    reply.map(row.subcommands.size());
    for (const Command& sub : row.subcommands) document(reply, sub);
  }
}

// The request that GETKEYS was asked about; nullptr, and an error reply, if it could not be run.
const Command* request_row(Call& call) {
  const auto request = call.words().subspan(2);
  const Command* row = call.services.registry.find_row(request);
  if (row == nullptr) {
    call.refuse("ERR Invalid command specified");
  } else if (row->keys.first == 0) {
    call.refuse("ERR The command has no key arguments");
    row = nullptr;
  } else if (const auto words = static_cast<int>(request.size()), arity = int{row->arity.words};
             arity > 0 ? words != arity : words < -arity) {
    call.refuse("ERR Invalid number of arguments specified for command");
    row = nullptr;
  } else if (row->keys.counted != 0 && counted_keys_of(row->keys, request).empty()) {
    call.refuse("ERR Invalid arguments specified for command");
    row = nullptr;
  }
  return row;
}

std::vector<std::pair<std::string_view, KeyUse>> request_keys(Call& call, const Command& row) {
  std::vector<std::pair<std::string_view, KeyUse>> keys;
  const protocol::Words request = call.words().subspan(2);
  for_each_key_use(row, request,
                   [&](std::string_view name, KeyUse use) { keys.emplace_back(name, use); });
  return keys;
}

bool in_category(const Command& row, std::string_view category) {
  const auto categories = acl_categories(row);
  return std::any_of(categories.begin(), categories.end(),
                     [&](std::string_view name) { return equal_any_case(name, category); });
}

// The names of all rows that fit, subcommands too.
template <class Fits>
void list_fitting(Call& call, Fits&& fits) {
  std::vector<std::string_view> names;
  for (const Command* command : call.services.registry.all()) {
    if (fits(*command)) names.push_back(command->full_name);
    for (const Command& sub : command->subcommands) {
      if (fits(sub)) names.push_back(sub.full_name);
    }
  }
  call.reply.array(names.size());
  for (std::string_view name : names) call.reply.bulk(name);
}

}  // namespace

void command(Call& call) {
  const auto all = call.services.registry.all();
  call.reply.array(all.size());
  for (const Command* row : all) describe(call.reply, *row);
}

void command_count(Call& call) { call.reply.unsigned_integer(call.services.registry.all().size()); }

void command_info(Call& call) {
  const auto names = call.words().subspan(2);
  if (names.empty()) return command(call);
  call.reply.array(names.size());
  for (std::string_view name : names) {
    if (const Command* row = call.services.registry.find_full_name(name)) {
      describe(call.reply, *row);
    } else {
      call.reply.null();
    }
  }
}

void command_docs(Call& call) {
  const auto names = call.words().subspan(2);
  const auto all = call.services.registry.all();
  std::vector<const Command*> rows;
  if (names.empty()) rows.assign(all.begin(), all.end());
  for (std::string_view name : names) {
    if (const Command* row = call.services.registry.find_full_name(name)) rows.push_back(row);
  }
  call.reply.map(rows.size());
  for (const Command* row : rows) document(call.reply, *row);
}

void command_getkeys(Call& call) {
  const Command* row = request_row(call);
  if (row == nullptr) return;
  const auto keys = request_keys(call, *row);
  call.reply.array(keys.size());
  for (const auto& [name, use] : keys) call.reply.bulk(name);
}

void command_getkeysandflags(Call& call) {
  const Command* row = request_row(call);
  if (row == nullptr) return;
  const auto keys = request_keys(call, *row);
  call.reply.array(keys.size());
  for (const auto& [name, use] : keys) {
    call.reply.array(2);
    call.reply.bulk(name);
    simple_set(call.reply, key_flags(use));
  }
}

void command_list(Call& call) {
  Args args = call.args();
  if (args.empty()) {
    return list_fitting(call, [](const Command&) { return true; });
  }
  if (!args.option("FILTERBY") || args.left() != 2) return call.refuse("ERR syntax error");
  if (args.option("MODULE")) return call.reply.array(0);
  if (args.option("ACLCAT")) {
    const std::string_view category = args.word();
    return list_fitting(call, [&](const Command& row) { return in_category(row, category); });
  }
  if (args.option("PATTERN")) {
    const std::string_view pattern = args.word();
    return list_fitting(
        call, [&](const Command& row) { return glob_match(pattern, row.full_name, true); });
  }
  call.refuse("ERR syntax error");
}

}  // namespace sojourn::server

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "server/base/numbers.h"
#include "server/config/config.h"
#include "server/config/directives.h"
#include "server/config/notes.h"
#include "server/config/reader.h"

namespace sojourn::server {

// Goes through the command line once, into an Invocation and a draft of the settings. The file is
// read first, standard input second, wherever its "-" stands; what the arguments say comes last.
class InvocationParser {
 public:
  explicit InvocationParser(std::span<const char* const> arguments)
      : arguments_(arguments.begin(), arguments.end()) {}

  Result<std::pair<Invocation, std::unique_ptr<Config>>> parse() {
    if (auto taken = take_arguments(); !taken) return taken.error();
    auto config = std::make_unique<Config>();
    if (is_asking()) return std::pair(invocation_, std::move(config));
    if (auto read = read_all(); !read) return read.error();
    config->given_ = std::move(reader_.given);
    config->notes_ = notes_for(config->given_, reader_.settings);
    config->publish(std::move(reader_.settings));
    config->file_ = invocation_.config_file;
    return std::pair(invocation_, std::move(config));
  }

 private:
  // One `--directive` and the words up to the next.
  struct Option {
    std::size_t number;  // of the argument, from 1
    std::string name;
    ConfigWords words;
  };

  bool is_asking() const {
    return invocation_.action == Invocation::Action::help ||
           invocation_.action == Invocation::Action::version;
  }

  Result<void> take_arguments() {
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
      if (auto taken = take(i, arguments_[i]); !taken || is_asking()) return taken;
    }
    return {};
  }

  Result<void> take(std::size_t at, const std::string& argument) {
    using Action = Invocation::Action;
    if (argument == "--help" || (argument == "-h" && options_.empty())) {
      invocation_.action = Action::help;
    } else if (argument == "--version" || (argument == "-v" && options_.empty())) {
      invocation_.action = Action::version;
    } else if (argument == "--check-config") {
      invocation_.action = Action::check_config;
    } else if (argument == "-") {
      standard_input_ = true;
    } else if (argument.size() > 2 && argument.starts_with("--")) {
      options_.push_back({at + 1, argument.substr(2), {}});
    } else if (!options_.empty()) {
      options_.back().words.push_back(argument);
    } else if (at == 0 && !argument.starts_with('-')) {
      invocation_.config_file = std::filesystem::absolute(argument).lexically_normal().string();
    } else {
      return at_argument(at + 1, argument, "expected --directive value");
    }
    return {};
  }

  Result<void> read_all() {
    if (!invocation_.config_file.empty()) {
      if (auto read = read_file(invocation_.config_file, invocation_.config_file); !read)
        return read;
    }
    if (standard_input_) {
      if (auto read = read_file("-", "standard input"); !read) return read;
    }
    // What is given here replaces the file's lines, where lines would add to one another.
    for (const Option& option : options_) {
      const Directive* row = find_directive(option.name);
      if (row == nullptr || !row->has(kAdds)) continue;
      reader_.settings.without_meaning.erase(std::string(row->name));
    }
    for (Option& option : options_) {
      if (auto read = read_option(option); !read) return read;
    }
    return {};
  }

  Result<void> read_file(const std::string& path, std::string_view origin) {
    const auto text = read_config_file(path);
    if (text) return reader_.read_text(*text, origin);
    return Error{Errc::invalid_argument, fmt::format("{}Can't open {}: {}", config_error_head(),
                                                     origin, text.error().detail)};
  }

  Result<void> read_option(Option& option) {
    const Directive* row = find_directive(option.name);
    if (row != nullptr && row->has(kSwitch) && option.words.empty()) option.words.push_back("yes");
    const std::string shown = fmt::format("--{} {}", option.name, fmt::join(option.words, " "));
    const auto read = reader_.read_directive(option.name, std::move(option.words));
    if (read || read.error().detail.starts_with("***")) return read;
    return at_argument(option.number, shown, read.error().detail);
  }

  static Error at_argument(std::size_t number, const std::string& shown, std::string_view what) {
    return {Errc::invalid_argument,
            fmt::format("{}Reading the command line, at argument {}\n>>> '{}'\n{}",
                        config_error_head(), number, ConfigReader::shown(shown), what)};
  }

  std::vector<std::string> arguments_;
  std::vector<Option> options_;
  bool standard_input_ = false;
  Invocation invocation_;
  ConfigReader reader_{Settings{}, {}};
};

Result<std::pair<Invocation, std::unique_ptr<Config>>> Config::parse(
    std::span<const char* const> arguments) {
  return InvocationParser(arguments).parse();
}

std::string Config::help() {
  std::string text =
      "Usage: sojournd [FILE] [--directive value ...]\n"
      "       sojournd - reads directives from standard input\n"
      "       sojournd [FILE] [--directive value ...] --check-config\n"
      "       sojournd --version | --help\n\n"
      "A file has a directive a line, in Redis's syntax; arguments come after it. Sizes take k, "
      "kb,\n"
      "m, mb, g and gb. The directives, with what may be given and the default:\n\n";
  const Settings defaults;
  for (const Directive& row : effective_directives()) {
    text += fmt::format("  {} {}\n      {}\n      Default: {}\n", row.name, describe(row.kind),
                        row.summary, directive_line(row, defaults).substr(row.name.size() + 1));
  }
  text +=
      "\nEvery other directive of Redis 7.2 is accepted, kept for CONFIG GET and noted in the "
      "log.\n"
      "These end start-up when they ask for what is not there yet:\n";
  for (const Directive& row : kept_directives()) {
    if (row.refused) text += fmt::format("  {}: {}\n", row.name, row.summary);
  }
  return text;
}

}  // namespace sojourn::server

// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO, and what becomes of an invalidation when it
// has come to a connection. How it comes there: server/tracking.

#include "server/commands/client_tracking.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/reply_writer.h"
#include "server/base/numbers.h"
#include "server/commands/connection_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {

OwnTracking& OwnTracking::operator=(const OwnTracking& other) {
  if (this == &other) return *this;
  tracking_.reset();
  if (!other) return *this;
  ClientTracking& mine = make();
  mine.broadcast = other->broadcast;
  mine.opt_in = other->opt_in;
  mine.opt_out = other->opt_out;
  mine.no_loop = other->no_loop;
  mine.caching = other->caching;
  mine.redirect_broken = other->redirect_broken;
  mine.redirect = other->redirect;
  return *this;
}

ClientTracking& OwnTracking::make() {
  if (tracking_ == nullptr) tracking_ = std::make_unique<ClientTracking>();
  return *tracking_;
}

namespace {

Reader reader(const ConnectionState& connection) {
  return {connection.id, static_cast<std::uint32_t>(connection.worker)};
}

Mailbox& mailbox(Services& services, const ConnectionState& connection) {
  return services.channels->mailbox(static_cast<std::size_t>(connection.worker));
}

// --- CLIENT TRACKING ---

struct Options {
  bool broadcast = false, opt_in = false, opt_out = false, no_loop = false;
  std::int64_t redirect = 0;
  std::vector<std::string_view> prefixes;
};

void read_redirect(Call& call, Args& args, Options& options) {
  if (options.redirect != 0) {
    return args.fail("ERR A client can only redirect to a single other client");
  }
  options.redirect = args.integer();
  if (args.failed()) return;
  const auto id = static_cast<std::uint64_t>(options.redirect);
  if (call.services.connections.worker_of(id)) return;
  args.fail("ERR The client ID you want redirect to does not exist");
}

Options read_options(Call& call, Args& args) {
  Options options;
  while (!args.empty() && !args.failed()) {
    if (args.left() >= 2 && args.option("REDIRECT")) {
      read_redirect(call, args, options);
    } else if (args.left() >= 2 && args.option("PREFIX")) {
      options.prefixes.push_back(args.word());
    } else if (args.option("BCAST")) {
      options.broadcast = true;
    } else if (args.option("OPTIN")) {
      options.opt_in = true;
    } else if (args.option("OPTOUT")) {
      options.opt_out = true;
    } else if (args.option("NOLOOP")) {
      options.no_loop = true;
    } else {
      args.fail("ERR syntax error");
    }
  }
  return options;
}

bool overlap(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

// What prefixes collide, as an error; none if they do not.
std::string collision(const OwnTracking& tracking, const Options& options) {
  constexpr std::string_view kMustNot = "Prefixes for a single client must not overlap.";
  for (std::size_t i = 0; i < options.prefixes.size(); ++i) {
    const std::string_view prefix = options.prefixes[i];
    if (tracking) {
      for (const std::string& old : tracking->prefixes) {
        if (!overlap(old, prefix)) continue;
        return fmt::format("ERR Prefix '{}' overlaps with an existing prefix '{}'. {}", prefix, old,
                           kMustNot);
      }
    }
    for (std::size_t j = i + 1; j < options.prefixes.size(); ++j) {
      if (!overlap(prefix, options.prefixes[j])) continue;
      return fmt::format("ERR Prefix '{}' overlaps with another provided prefix '{}'. {}", prefix,
                         options.prefixes[j], kMustNot);
    }
  }
  return {};
}

// What keeps tracking from being switched on so; an error, or none.
std::string objection(const OwnTracking& tracking, const Options& options) {
  if (!options.broadcast && !options.prefixes.empty()) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if (tracking && tracking->broadcast != options.broadcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  if (options.broadcast && (options.opt_in || options.opt_out)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (options.opt_in && options.opt_out) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if (tracking &&
      ((options.opt_in && tracking->opt_out) || (options.opt_out && tracking->opt_in))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  return options.broadcast ? collision(tracking, options) : std::string();
}

void add_prefix(Tracking& all, const ConnectionState& connection, std::string_view prefix) {
  if (!connection.tracking->prefixes.emplace(prefix).second) return;
  all.prefixes().add(prefix, reader(connection));
}

void start_tracking(Services& services, ConnectionState& connection, const Options& options) {
  Tracking& all = services.keyspace.tracking();
  if (!connection.tracking) {
    mailbox(services, connection).add_tracking(connection.id);
    all.begin(reader(connection));
  }
  ClientTracking& tracking = connection.tracking.make();
  tracking.broadcast = options.broadcast;
  tracking.opt_in = options.opt_in;
  tracking.opt_out = options.opt_out;
  tracking.no_loop = options.no_loop;
  tracking.redirect = static_cast<std::uint64_t>(options.redirect);
  tracking.redirect_broken = false;
  if (!options.broadcast) return;
  for (const std::string_view prefix : options.prefixes) add_prefix(all, connection, prefix);
  if (options.prefixes.empty()) add_prefix(all, connection, {});
}

// --- invalidations ---

constexpr std::string_view kChannel = "__redis__:invalidate";

// In RESP2 nothing can be sent that was not asked for, but to who has subscribed to something.
std::string message(const ConnectionState& connection, const Invalidation& what) {
  std::string text;
  protocol::ReplyWriter writer(text, connection.version);
  const bool redirected = what.to == Invalidation::To::redirected;
  if (connection.version == protocol::Version::resp3) {
    writer.push(2);
    writer.bulk("invalidate");
  } else if (redirected && connection.subscriptions.any()) {
    writer.array(3);
    writer.bulk("message");
    writer.bulk(kChannel);
  } else {
    return text;
  }
  what.keys != nullptr ? writer.raw(*what.keys) : writer.null();
  return text;
}

std::string hand_on(Services& services, ConnectionState& connection, const Invalidation& what) {
  const std::uint64_t to = connection.tracking->redirect;
  if (const auto worker = services.connections.worker_of(to)) {
    services.channels->mailbox(*worker).put(
        {.to = Invalidation::To::redirected, .keys = what.keys, .connections = {to}});
    return {};
  }
  connection.tracking->redirect_broken = true;
  if (connection.version != protocol::Version::resp3) return {};
  std::string text;
  protocol::ReplyWriter writer(text, connection.version);
  writer.push(2);
  writer.bulk("tracking-redir-broken");
  writer.unsigned_integer(to);
  return text;
}

bool concerns(const ConnectionState& connection, const Invalidation& what) {
  using To = Invalidation::To;
  if (!connection.tracking) return false;
  // Who has changed his mind since wants nothing of what he asked for before.
  if (what.to == To::readers && connection.tracking->broadcast) return false;
  if (what.to == To::subscribers && !connection.tracking->broadcast) return false;
  return !connection.tracking->no_loop || what.by != connection.id;
}

}  // namespace

void client_tracking(Call& call) {
  ConnectionState& connection = call.connection;
  Args args = call.args();
  const std::string_view state = args.word();
  const Options options = read_options(call, args);
  if (!args.done()) return call.refuse(args.error());
  if (equal_any_case(state, "on")) {
    const std::string error = objection(connection.tracking, options);
    if (!error.empty()) return call.refuse(error);
    start_tracking(call.services, connection, options);
  } else if (equal_any_case(state, "off")) {
    stop_tracking(call.services, connection);
  } else {
    return call.refuse("ERR syntax error");
  }
  call.reply.ok();
}

void client_caching(Call& call) {
  if (!call.connection.tracking) {
    return call.refuse(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled");
  }
  ClientTracking& tracking = *call.connection.tracking;
  Args args = call.args();
  if (args.option("yes")) {
    if (!tracking.opt_in) {
      args.fail("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    }
  } else if (args.option("no")) {
    if (!tracking.opt_out) {
      args.fail("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    }
  } else {
    args.fail("ERR syntax error");
  }
  if (args.failed()) return call.refuse(args.error());
  tracking.caching = true;
  call.reply.ok();
}

void client_getredir(Call& call) {
  if (!call.connection.tracking) return call.reply.integer(-1);
  call.reply.unsigned_integer(call.connection.tracking->redirect);
}

void client_trackinginfo(Call& call) {
  const OwnTracking& tracking = call.connection.tracking;
  std::vector<std::string_view> flags{tracking ? "on" : "off"};
  const auto add = [&](bool is, std::string_view name) {
    if (is) flags.push_back(name);
  };
  if (tracking) {
    add(tracking->broadcast, "bcast");
    add(tracking->opt_in, "optin");
    add(tracking->opt_in && tracking->caching, "caching-yes");
    add(tracking->opt_out, "optout");
    add(tracking->opt_out && tracking->caching, "caching-no");
    add(tracking->no_loop, "noloop");
    add(tracking->redirect_broken, "broken_redirect");
  }
  call.reply.map(3);
  call.reply.bulk("flags");
  call.reply.set(flags.size());
  for (const std::string_view flag : flags) call.reply.bulk(flag);
  call.reply.bulk("redirect");
  client_getredir(call);
  call.reply.bulk("prefixes");
  call.reply.array(tracking ? tracking->prefixes.size() : 0);
  if (!tracking) return;
  for (const std::string& prefix : tracking->prefixes) call.reply.bulk(prefix);
}

void serve_tracking(Services& services) {
  Channels& channels = *services.channels;
  services.keyspace.tracking().tell_through(
      [&channels](std::size_t worker, Invalidation what) {
        channels.mailbox(worker).put(std::move(what));
      },
      [&channels] { return channels.workers(); });
}

std::string told_of(Services& services, ConnectionState& connection, const Invalidation& what) {
  if (what.to == Invalidation::To::redirected) return message(connection, what);
  if (!concerns(connection, what)) return {};
  if (connection.tracking->redirect != 0) return hand_on(services, connection, what);
  return message(connection, what);
}

void stop_tracking(Services& services, ConnectionState& connection) {
  if (!connection.tracking) return;
  Tracking& all = services.keyspace.tracking();
  for (const std::string& prefix : connection.tracking->prefixes) {
    all.prefixes().remove(prefix, reader(connection));
  }
  all.end(reader(connection));
  mailbox(services, connection).remove_tracking(connection.id);
  connection.tracking.reset();
  all.forget_if_last();
}

}  // namespace sojourn::server

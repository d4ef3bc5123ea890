#include "server/commands/awaited_call.h"
#include "server/commands/errors.h"
#include "server/commands/server_handlers.h"
#include "server/commands/services.h"

namespace sojourn::server {
namespace {

// Everything is written already; what is left to wait for is that it survives a power cut.
std::shared_ptr<Awaited> sync_all(Services& services) {
  auto awaited = std::make_shared<Awaited>();
  Journal& journal = services.keyspace.journal();
  journal.when_synced(journal.appended(), [awaited](bool synced) {
    if (!synced) awaited->error = "ERR the disk did not take everything; INFO persistence says why";
    awaited->done.store(true, std::memory_order_release);
  });
  return awaited;
}

}  // namespace

void save(Call& call) {
  if (await(call, [&] { return sync_all(call.services); })) call.reply.ok();
}

void bgsave(Call& call) {
  Args args = call.args();
  args.option("SCHEDULE");
  if (!args.done()) return call.refuse(args.error());
  sync_all(call.services);
  call.reply.simple("Background saving started");
}

void lastsave(Call& call) {
  call.reply.integer(unix_ms(call.services.keyspace.journal().last_sync()) / 1000);
}

void shutdown(Call& call) {
  Args args = call.args();
  bool save = false, nosave = false, force = false, abort = false, now = false;
  while (!args.empty() && !args.failed()) {
    if (args.option("SAVE")) {
      save = true;
    } else if (args.option("NOSAVE")) {
      nosave = true;
    } else if (args.option("FORCE")) {
      force = true;
    } else if (args.option("ABORT")) {
      abort = true;
    } else if (args.option("NOW")) {
      now = true;  // there are no replicas to wait for
    } else {
      args.fail("ERR syntax error");
    }
  }
  if ((save && nosave) || (abort && (save || nosave || force || now))) {
    args.fail("ERR syntax error");
  }
  if (!args.done()) return call.refuse(args.error());
  if (abort) return call.refuse("ERR No shutdown in progress.");
  if (!nosave && call.services.scripts->runs_long()) return call.refuse(kBusy);

  const StorageState state = call.services.keyspace.journal().state();
  if (state != StorageState::ok && !nosave && !force) {
    call.services.log.warning("SHUTDOWN refused: what is not on disk yet would be lost");
    return call.refuse("ERR Errors trying to SHUTDOWN. Check logs.");
  }
  call.services.log.notice("SHUTDOWN from {}", call.connection.peer_address);
  call.services.connections.shutdown();
}

}  // namespace sojourn::server

#pragma once

#include <chrono>
#include <cstddef>

namespace sojourn::server {

// --- bounds of one turn, so that a busy connection leaves the others their share ---

// What one read takes at most, into memory that all of a worker's connections share.
inline constexpr std::size_t kReadBytesMax = 64 * 1024;
// Up to this much of a request that is not whole is put in front of what is read next; more is read
// in place.
inline constexpr std::size_t kStagedBytesMax = 32 * 1024;
inline constexpr std::size_t kScratchBytes = kStagedBytesMax + kReadBytesMax;
// One read in place, of a large value.
inline constexpr std::size_t kReadInPlaceBytesMax = 1024 * 1024;
// A read in place makes at least this much room, and no more than as much again as has come, or
// four times that where memory is kept (spare_block.h): the length a peer announces is worth
// nothing until its bytes are here.
inline constexpr std::size_t kRoomBytesMin = 64 * 1024;
// Requests of one connection, and of all: replies leave at the end of a turn, so it must be short.
inline constexpr std::size_t kRequestsOfOneMax = 1000;
inline constexpr std::size_t kRequestsPerTurnMax = 4000;
// What is sent in one go, for one connection in a turn and for all of them; each may send a little.
// The kernel takes a millisecond for some megabytes.
inline constexpr std::size_t kSentBytesMin = 64 * 1024;
inline constexpr std::size_t kSentOfOneMax = 256 * 1024;
inline constexpr std::size_t kSentPerTurnMax = 1024 * 1024;
// Published messages are handed out for so long; the rest comes in the next turn.
inline constexpr std::chrono::microseconds kMessagesTimeMax{500};
// No further request is begun this long after the turn began to look at its sockets, or at what was
// left over from earlier turns. Sending is still to come.
inline constexpr std::chrono::microseconds kRequestsTimeMax{500};

// --- bounds of TLS ---

// The longest record with its head, as TLS 1.2 allows it.
inline constexpr std::size_t kTlsRecordBytesMax = 5 + 16 * 1024 + 2048;
// One read: decrypted it fits, with the record begun before, where any read fits.
inline constexpr std::size_t kWireBytesMax = kReadBytesMax - kTlsRecordBytesMax;
// No further step of a handshake is begun when those of a turn have taken this long. One takes up
// to a millisecond with an RSA key of 2048 bits.
inline constexpr std::chrono::microseconds kHandshakesTimeMax{500};
// What is encrypted in one go (and may then wait for the socket), for one connection in a turn, and
// for all of them; each may encrypt a record.
inline constexpr std::size_t kSealedAtOnceMax = 64 * 1024;
inline constexpr std::size_t kSealedBytesMin = 16 * 1024;
inline constexpr std::size_t kSealedOfOneMax = 256 * 1024;
inline constexpr std::size_t kSealedPerTurnMax = 1024 * 1024;
// The longest first message of a handshake: OpenSSL makes room for what it announces. Real ones
// have at most some kilobytes. And a client's certificate with those that vouch for it.
inline constexpr std::size_t kHelloBytesMax = 16 * 1024;
inline constexpr std::size_t kClientCertificatesBytesMax = 32 * 1024;
// What a connection takes until its handshake is done, more or less: OpenSSL does not tell.
inline constexpr std::size_t kHandshakeBytes = 40 * 1024;
// Messages of a handshake, or of new keys, in one read; a whole handshake has at most six. The
// work for one takes some ten microseconds.
inline constexpr int kHandshakeMessagesMax = 8;
// A connection with more of it waiting is not read any more, but closed. One that only asks and
// reads has little more than kSealedAtOnceMax.
inline constexpr std::size_t kWaitingWireBytesMax = 256 * 1024;

// --- bounds of one connection ---

// With this much output unsent no further request is run: the peer must read first.
inline constexpr std::size_t kUnsentBytesMax = 1024 * 1024;
// The same before authentication; what is left of it after sending ends the connection.
inline constexpr std::size_t kUnauthenticatedUnsentBytesMax = 4 * 1024;
// Buffers smaller than this are not worth a connection's end when memory is short.
inline constexpr std::size_t kBuffersWorthClosing = 16 * 1024;

// --- rhythm ---

// A line in the log about one kind of stranger.
inline constexpr std::chrono::seconds kWarnEvery{10};

// Expired keys go, and their deletions are written, within this time and a little.
inline constexpr std::chrono::milliseconds kTick{32};
// A step of upkeep that has much to do (upkeep_share.h). Steps must be short: a turn has to serve
// what came in during the step, too.
inline constexpr std::chrono::microseconds kUpkeepBudget{100};
// No turn is as long: what latency-monitor-threshold is when it is off.
inline constexpr std::chrono::milliseconds kLongestTurn = std::chrono::hours(24);
// CLIENT LIST shows other connections' figures as old as this; the second once somebody looks.
inline constexpr std::chrono::milliseconds kPublishEvery{1000};
inline constexpr std::chrono::milliseconds kPublishEveryWhenLookedAt{100};
inline constexpr std::chrono::seconds kKeepFresh{10};
inline constexpr std::chrono::seconds kScanEvery{1};
// Of many connections a tick looks at so many, and publishes so many; the next tick goes on.
inline constexpr std::size_t kConnectionsInATick = 256;
// The map of connections never shrinks; so many of its buckets cost what one connection does.
inline constexpr std::size_t kEmptyBucketsAsOne = 16;

}  // namespace sojourn::server

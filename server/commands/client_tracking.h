#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace sojourn::server {

// How a connection that keeps copies of what it reads wants to be told of changes (CLIENT
// TRACKING). Its worker's alone.
struct ClientTracking {
  bool broadcast = false;        // of all keys with its prefixes, not of those that it has read
  bool opt_in = false;           // only what is read behind CLIENT CACHING YES counts as read
  bool opt_out = false;          // all but what is read behind CLIENT CACHING NO does
  bool no_loop = false;          // not of its own changes
  bool caching = false;          // CLIENT CACHING was given for what runs next
  bool redirect_broken = false;  // there was nobody left to tell instead
  std::uint64_t redirect = 0;    // the connection to tell instead; 0: none
  std::set<std::string, std::less<>> prefixes;

  // What is read now counts as read.
  bool remembers() const { return !broadcast && (!opt_in || caching) && !(opt_out && caching); }
};

// A connection's own; null for most. Copies of its state, made for others to look at, have all but
// the prefixes.
class OwnTracking {
 public:
  OwnTracking() = default;
  OwnTracking(const OwnTracking& other) { *this = other; }
  OwnTracking(OwnTracking&&) = default;
  OwnTracking& operator=(const OwnTracking& other);
  OwnTracking& operator=(OwnTracking&&) = default;

  explicit operator bool() const { return tracking_ != nullptr; }
  ClientTracking& operator*() const { return *tracking_; }
  ClientTracking* operator->() const { return tracking_.get(); }
  ClientTracking& make();  // the one there is, or a new one
  void reset() { tracking_.reset(); }

 private:
  std::unique_ptr<ClientTracking> tracking_;
};

struct ConnectionState;
struct Invalidation;
struct Services;

// From here on changes of keys reach the mailboxes of those who track them. Before the server
// serves; the services must outlive the keyspace's use.
void serve_tracking(Services& services);

// A message has come for the connection: returns what it is sent, nothing perhaps, or hands it on
// to the connection that is told instead. Its worker's thread.
std::string told_of(Services& services, ConnectionState& connection, const Invalidation& what);

// The connection tracks nothing any more.
void stop_tracking(Services& services, ConnectionState& connection);

}  // namespace sojourn::server

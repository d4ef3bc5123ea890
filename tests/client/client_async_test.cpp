#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "sojourn/client.h"
#include "sojourn/sessions.h"
#include "tests/client/fake_server.h"

namespace sojourn {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

Request echo(std::string_view word) { return Request().push("ECHO", word); }

void greet_and_answer(Peer& peer, int) {
  peer.greet();
  peer.answer_all();
}

TEST(ClientAsync, TellsACallbackOnTheClientsThread) {
  FakeServer server(greet_and_answer);
  Client client(server.options());
  std::promise<std::pair<Result<Replies>, std::thread::id>> told;
  client.async_exec(echo("a"), [&](Result<Replies> result) {
    told.set_value({std::move(result), std::this_thread::get_id()});
  });
  const auto [result, thread] = told.get_future().get();
  EXPECT_EQ(result.value().at(0).text, "a");
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(ClientAsync, TellsAFuture) {
  FakeServer server(greet_and_answer);
  Client client(server.options());
  EXPECT_EQ(client.async_exec(echo("a"), asio::use_future).get().value().at(0).text, "a");
}

TEST(ClientAsync, ResumesACoroutineOnTheCallersThread) {
  FakeServer server(greet_and_answer);
  asio::io_context context;
  Client client(context.get_executor(), server.options());
  std::string heard;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        const auto replies = co_await client.async_exec(echo("a"), asio::use_awaitable);
        heard = replies.value().at(0).text;
        client.close();
      },
      asio::detached);
  context.run();
  EXPECT_EQ(heard, "a");
}

TEST(ClientAsync, TellsAHandlerOnTheExecutorItIsBoundTo) {
  FakeServer server(greet_and_answer);
  asio::io_context own;
  Client client(server.options());
  auto work = asio::make_work_guard(own);
  std::thread::id thread;
  client.async_exec(echo("a"), asio::bind_executor(own, [&](const Result<Replies>&) {
                      thread = std::this_thread::get_id();
                      work.reset();
                    }));
  own.run();
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST(ClientAsync, ACancelledCallIsToldAtOnceAndTheOthersGoOn) {
  std::promise<void> received;
  std::promise<void> release;
  FakeServer server([&](Peer& peer, int) {
    peer.greet();
    peer.read();
    received.set_value();
    release.get_future().wait();
    peer.send("+late\r\n");
    peer.answer_all();
  });
  asio::thread_pool pool(1);
  Client client(pool.get_executor(), server.options());
  asio::cancellation_signal signal;
  std::promise<Result<Replies>> told;
  client.async_exec(echo("a"),
                    asio::bind_cancellation_slot(signal.slot(), [&told](Result<Replies> result) {
                      told.set_value(std::move(result));
                    }));
  received.get_future().wait();
  asio::post(pool, [&signal] { signal.emit(asio::cancellation_type::terminal); });
  const Error error = told.get_future().get().error();
  EXPECT_EQ(error.code, Errc::cancelled);
  EXPECT_TRUE(error.fate.may_have_happened(0));
  auto other = client.async_exec(echo("b"), asio::use_future);
  release.set_value();
  EXPECT_EQ(other.get().value().at(0).text, "b");
  client.close();
  pool.join();
}

TEST(ClientAsync, ACoroutineCanStopWaiting) {
  using asio::experimental::awaitable_operators::operator||;
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    peer.wait_until_gone();
  });
  asio::io_context context;
  Client client(context.get_executor(), server.options());
  std::size_t winner = 0;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        asio::steady_timer timer(context, 20ms);
        const auto first = co_await (client.async_exec(echo("a"), asio::use_awaitable) ||
                                     timer.async_wait(asio::use_awaitable));
        winner = first.index();
        client.close();
      },
      asio::detached);
  context.run();
  EXPECT_EQ(winner, 1u);
}

TEST(ClientAsync, ClosingFailsWhatWaitsAndWhatComesLater) {
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    peer.wait_until_gone();
  });
  Client client(server.options());
  auto waiting = client.async_exec(echo("a").idempotent(), asio::use_future);
  client.close();
  EXPECT_EQ(waiting.get().error().code, Errc::closed);
  EXPECT_EQ(client.exec(echo("b")).error().code, Errc::closed);
}

TEST(ClientAsync, ACallThatWouldWaitForItsOwnThreadIsRefused) {
  FakeServer server(greet_and_answer);
  Client client(server.options());
  std::promise<Error> told;
  client.async_exec(
      echo("a"), [&](const Result<Replies>&) { told.set_value(client.exec(echo("b")).error()); });
  EXPECT_EQ(told.get_future().get().code, Errc::would_deadlock);
}

TEST(ClientAsync, AnEmptyRequestHasNoReplies) {
  Client client;
  EXPECT_EQ(client.exec(Request()).value(), Replies());
}

TEST(ClientAsync, ManyThreadsShareFewConnections) {
  FakeServer server(greet_and_answer);
  Options options = server.options();
  options.connections = 3;
  Client client(options);
  std::vector<std::future<int>> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.push_back(std::async(std::launch::async, [&client, thread] {
      int right = 0;
      for (int i = 0; i < 100; ++i) {
        const std::string word = std::to_string(thread) + ":" + std::to_string(i);
        const auto replies = client.exec(echo(word).push("ECHO", "end"));
        right += replies && replies->at(0).text == word && replies->at(1).text == "end";
      }
      return right;
    }));
  }
  for (auto& thread : threads) EXPECT_EQ(thread.get(), 100);
  EXPECT_LE(server.connections(), 3);
}

TEST(ClientAsync, RunsOnAPoolOfThreads) {
  FakeServer server(greet_and_answer);
  asio::thread_pool pool(4);
  Options options = server.options();
  options.connections = 2;
  Client client(pool.get_executor(), options);
  std::vector<std::future<Result<Replies>>> answers;
  for (int i = 0; i < 500; ++i) {
    answers.push_back(client.async_exec(echo(std::to_string(i)), asio::use_future));
  }
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(answers[i].get().value().at(0).text, std::to_string(i));
  }
  client.close();
  pool.join();
}

TEST(ClientAsync, DeliversPushesInTheirOrderBetweenReplies) {
  std::promise<void> all;
  std::vector<std::int64_t> numbers;
  FakeServer server([](Peer& peer, int) {
    peer.greet();
    peer.read();
    peer.send(">2\r\n+n\r\n:1\r\n>2\r\n+n\r\n:2\r\n+a\r\n>2\r\n+n\r\n:3\r\n");
    peer.wait_until_gone();
  });
  Options options = server.options();
  options.on_push = [&](const Reply& push) {
    numbers.push_back(push.elements.at(1).integer);
    if (numbers.size() == 3) all.set_value();
  };
  Client client(options);
  EXPECT_EQ(client.exec(echo("a")).value().at(0).text, "a");
  all.get_future().wait();
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace sojourn

/* hiredis: told of messages by its channel and by a pattern. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

static void expect_words(redisContext *redis, const char *const *words, size_t count) {
  redisReply *reply = NULL;
  expect(redisGetReply(redis, (void **)&reply) == REDIS_OK && reply != NULL, "something comes");
  expect(reply->type == REDIS_REPLY_ARRAY && reply->elements >= count, "it is an array");
  for (size_t i = 0; i < count; ++i) expect(strcmp(reply->element[i]->str, words[i]) == 0, words[i]);
  freeReplyObject(reply);
}

int main(int argc, char **argv) {
  expect(argc == 4, "subscribe HOST PORT PASSWORD");
  const struct timeval patience = {30, 0};
  redisContext *redis = redisConnectWithTimeout(argv[1], atoi(argv[2]), patience);
  expect(redis != NULL && redis->err == 0, "it connects");
  redisSetTimeout(redis, patience);
  freeReplyObject(redisCommand(redis, "AUTH %s", argv[3]));
  redisAppendCommand(redis, "PSUBSCRIBE ne*");
  redisAppendCommand(redis, "SUBSCRIBE news other");
  expect_words(redis, (const char *[]){"psubscribe", "ne*"}, 2);
  expect_words(redis, (const char *[]){"subscribe", "news"}, 2);
  expect_words(redis, (const char *[]){"subscribe", "other"}, 2);
  expect_words(redis, (const char *[]){"message", "news", "hello"}, 3);
  expect_words(redis, (const char *[]){"pmessage", "ne*", "news", "hello"}, 4);
  redisAppendCommand(redis, "UNSUBSCRIBE news");
  expect_words(redis, (const char *[]){"unsubscribe", "news"}, 2);
  redisFree(redis);
  puts("all is well");
  return 0;
}

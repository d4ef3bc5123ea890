/* hiredis: many requests in one go, binary values, an error among the replies. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRequests = 10000 };

static void expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

static redisReply *next(redisContext *redis) {
  void *reply = NULL;
  expect(redisGetReply(redis, &reply) == REDIS_OK && reply != NULL, "a reply comes");
  return reply;
}

static redisReply *ask(redisContext *redis, const char *format, const void *word, size_t size) {
  redisReply *reply = redisCommand(redis, format, word, size);
  expect(reply != NULL, "a reply comes");
  return reply;
}

int main(int argc, char **argv) {
  expect(argc == 4, "client HOST PORT PASSWORD");
  redisContext *redis = redisConnect(argv[1], atoi(argv[2]));
  expect(redis != NULL && redis->err == 0, "it connects");
  redisReply *reply = ask(redis, "AUTH %b", argv[3], strlen(argv[3]));
  expect(reply->type == REDIS_REPLY_STATUS, "AUTH is OK");
  freeReplyObject(reply);

  const char binary[] = {0, '\r', '\n', (char)0xff, 0};
  freeReplyObject(ask(redis, "SET binary %b", binary, sizeof binary));
  reply = ask(redis, "GET %b", "binary", 6);
  expect(reply->len == sizeof binary && memcmp(reply->str, binary, sizeof binary) == 0,
         "a binary value comes back whole");
  freeReplyObject(reply);

  for (int i = 0; i < kRequests; ++i) redisAppendCommand(redis, "SETEX s:%d 1000 value:%d", i, i);
  redisAppendCommand(redis, "HGET s:0 field");
  for (int i = 0; i < kRequests; ++i) redisAppendCommand(redis, "GET s:%d", i);
  for (int i = 0; i < kRequests; ++i) {
    reply = next(redis);
    expect(reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0, "SETEX is OK");
    freeReplyObject(reply);
  }
  reply = next(redis);
  expect(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE ", 10) == 0,
         "an error stands where it belongs");
  freeReplyObject(reply);
  for (int i = 0; i < kRequests; ++i) {
    char expected[32];
    snprintf(expected, sizeof expected, "value:%d", i);
    reply = next(redis);
    expect(reply->type == REDIS_REPLY_STRING && strcmp(reply->str, expected) == 0, "GET is right");
    freeReplyObject(reply);
  }
  redisFree(redis);
  puts("all is well");
  return 0;
}

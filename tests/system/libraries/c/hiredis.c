/* hiredis, as one who writes his own sessions uses it: a hash each.
   Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
   standard output. */

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *redis;

static void fail(const char *why) {
  fprintf(stderr, "%s: %s\n", why, redis != NULL ? redis->errstr : "no memory");
  exit(1);
}

static redisReply *ask(const char *format, ...) {
  va_list words;
  va_start(words, format);
  redisReply *reply = redisvCommand(redis, format, words);
  va_end(words);
  if (reply == NULL) fail("no reply");
  if (reply->type == REDIS_REPLY_ERROR) fail(reply->str);
  return reply;
}

/* A reply that is a number, as yes or no. */
static void say_whether(redisReply *reply) {
  puts(reply->integer == 1 ? "true" : "false");
  freeReplyObject(reply);
}

static void new_id(char *id) {
  for (int i = 0; i < 4; ++i) sprintf(id + 8 * i, "%08x", (unsigned)random());
}

static void log_in(const char *user, const char *seconds) {
  char id[33];
  new_id(id);
  redisAppendCommand(redis, "MULTI");
  redisAppendCommand(redis, "HSET s:%s user %s", id, user);
  redisAppendCommand(redis, "EXPIRE s:%s %s", id, seconds);
  redisAppendCommand(redis, "EXEC");
  for (int i = 0; i < 4; ++i) {
    redisReply *reply = NULL;
    if (redisGetReply(redis, (void **)&reply) != REDIS_OK) fail("no reply");
    if (reply->type == REDIS_REPLY_ERROR) fail(reply->str);
    freeReplyObject(reply);
  }
  printf("\"%s\"\n", id);
}

static void read_session(const char *id) {
  redisReply *reply = ask("HGETALL s:%s", id);
  if (reply->elements == 0) puts("null");
  for (size_t i = 0; i < reply->elements; i += 2) {
    printf("%s\"%s\": \"%s\"%s", i == 0 ? "{" : ", ", reply->element[i]->str,
           reply->element[i + 1]->str, i + 2 == reply->elements ? "}\n" : "");
  }
  freeReplyObject(reply);
}

static void regenerate(const char *old) {
  char id[33];
  new_id(id);
  freeReplyObject(ask("RENAME s:%s s:%s", old, id));
  printf("\"%s\"\n", id);
}

static void answer(const char *step, const char *one, const char *two, const char *three) {
  if (strcmp(step, "login") == 0) return log_in(one, two);
  if (strcmp(step, "read") == 0) return read_session(one);
  if (strcmp(step, "write") == 0) return say_whether(ask("HSET s:%s %s %s", one, two, three));
  if (strcmp(step, "touch") == 0) return say_whether(ask("EXPIRE s:%s 1000", one));
  if (strcmp(step, "regenerate") == 0) return regenerate(one);
  if (strcmp(step, "logout") == 0) return say_whether(ask("DEL s:%s", one));
  fail(step);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  redis = redisConnect(argv[1], atoi(argv[2]));
  if (redis == NULL || redis->err != 0) fail("it does not connect");
  FILE *chance = fopen("/dev/urandom", "rb");
  unsigned seed = 0;
  if (chance == NULL || fread(&seed, sizeof seed, 1, chance) != 1) fail("no random numbers");
  fclose(chance);
  srandom(seed);

  char line[1024], step[32], one[256], two[256], three[256];
  while (fgets(line, sizeof line, stdin) != NULL) {
    one[0] = two[0] = three[0] = 0;
    if (sscanf(line, "%31s %255s %255s %255s", step, one, two, three) < 1) continue;
    answer(step, one, two, three);
    fflush(stdout);
  }
  redisFree(redis);
  return 0;
}

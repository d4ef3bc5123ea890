#include "server/store/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sojourn::server {
namespace {

using ::testing::HasSubstr;

template <class Array>
std::string text(const Array& array) {
  return {array.data(), array.size()};
}

const std::string kDatabase = text(database_prefix(7));
const std::string kRowKey = kDatabase + "s:1";

std::string encode(const Record& record, std::string_view key = "s:1") {
  const RecordEnvelope envelope(kDatabase, key, record);
  std::string row(envelope.head());
  row += record.value;
  row += envelope.tail();
  return row;
}

Record full_record() {
  Record record;
  record.type = RecordType::large_hash;
  record.deadline = from_unix_ms(1'700'000'000'123);
  record.created = from_unix_ms(1'600'000'000'456);
  record.absolute_deadline = from_unix_ms(1'800'000'000'789);
  record.version = 0x0123456789abcdef;
  record.owner = "app1";
  record.collection = 42;
  record.value = std::string_view("with\0a NUL", 10);
  return record;
}

TEST(Record, ComesBackAsItWasWritten) {
  const Record record = full_record();
  const std::string row = encode(record);
  const auto decoded = decode_record(kRowKey, row);
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(decoded->type, record.type);
  EXPECT_EQ(decoded->deadline, record.deadline);
  EXPECT_EQ(decoded->created, record.created);
  EXPECT_EQ(decoded->absolute_deadline, record.absolute_deadline);
  EXPECT_EQ(decoded->version, record.version);
  EXPECT_EQ(decoded->owner, record.owner);
  EXPECT_EQ(decoded->collection, record.collection);
  EXPECT_EQ(decoded->value, record.value);
}

TEST(Record, OfEveryTypeKeepsItsType) {
  for (const RecordType type :
       {RecordType::string, RecordType::hash, RecordType::large_hash, RecordType::set,
        RecordType::large_set, RecordType::sorted_set, RecordType::large_sorted_set,
        RecordType::timed_hash, RecordType::large_timed_hash}) {
    Record record = full_record();
    record.type = type;
    const auto decoded = decode_record(kRowKey, encode(record));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    EXPECT_EQ(decoded->type, type);
  }
}

TEST(Record, WithoutWhatIsOptionalIsShort) {
  Record record;
  record.version = 1;
  record.created = from_unix_ms(1);
  const std::string row = encode(record);
  EXPECT_EQ(row.size(), 3u + 8 + 8 + 8);
  const auto decoded = decode_record(kRowKey, row);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->deadline, kNever);
  EXPECT_EQ(decoded->absolute_deadline, kNever);
  EXPECT_EQ(decoded->owner, "");
  EXPECT_EQ(decoded->value, "");
}

TEST(Record, MayHaveAnOwnerOf255BytesAndDeadlinesBeforeTheEpoch) {
  Record record = full_record();
  const std::string owner(255, 'o');
  record.owner = owner;
  record.deadline = from_unix_ms(-5);
  const std::string row = encode(record);
  const auto decoded = decode_record(kRowKey, row);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->owner, owner);
  EXPECT_EQ(unix_ms(decoded->deadline), -5);
}

TEST(Record, IsDamagedWhenAnyBitOfItTurns) {
  const std::string row = encode(full_record());
  for (std::size_t bit = 0; bit < 8 * row.size(); ++bit) {
    std::string turned = row;
    turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ (1 << (bit % 8)));
    const auto decoded = decode_record(kRowKey, turned);
    ASSERT_FALSE(decoded) << "bit " << bit;
    EXPECT_EQ(decoded.error().code, Errc::damaged);
  }
}

TEST(Record, IsDamagedWhereverItIsCut) {
  const std::string row = encode(full_record());
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(decode_record(kRowKey, std::string_view(row).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_record(kRowKey, row + "x"));
}

TEST(Record, IsDamagedUnderAnotherKeyOrInAnotherDatabase) {
  const std::string row = encode(full_record());
  EXPECT_FALSE(decode_record(kDatabase + "s:2", row));
  EXPECT_FALSE(decode_record(text(database_prefix(8)) + "s:1", row));
  EXPECT_FALSE(decode_record("abc", row));
}

TEST(Record, NamesAFormatThatIsNewer) {
  std::string row = encode(full_record());
  row[0] = 2;
  const auto decoded = decode_record(kRowKey, row);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().detail, HasSubstr("format 2"));
  EXPECT_THAT(decoded.error().detail, HasSubstr("knows format 1"));
}

std::string encode(std::string_view prefix, std::string_view key, const Touch& touch) {
  const TouchEnvelope envelope(prefix, key, touch);
  std::string row(envelope.head());
  row += touch.field;
  row += envelope.tail();
  return row;
}

TEST(Record, TellsNobodyWhichKeyItWas) {
  std::string row = encode(full_record(), "s:secret");
  row.back() ^= 1;
  const auto decoded = decode_record(kDatabase + "s:secret", row);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().detail, ::testing::Not(HasSubstr("secret")));
}

TEST(Touch, ComesBackAsItWasWrittenAndNotWhenDamaged) {
  for (const std::string_view field : {"", "a changed field"}) {
    const Touch touch{99, from_unix_ms(1'700'000'000'000), field};
    const std::string row = encode(kDatabase, "s:1", touch);
    const auto decoded = decode_touch(kRowKey, row);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->version, 99u);
    EXPECT_EQ(decoded->deadline, touch.deadline);
    EXPECT_EQ(decoded->field, field);
    for (std::size_t bit = 0; bit < 8 * row.size(); ++bit) {
      std::string turned = row;
      turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decode_touch(kRowKey, turned)) << "bit " << bit;
    }
    for (std::size_t size = 0; size < row.size(); ++size) {
      EXPECT_FALSE(decode_touch(kRowKey, std::string_view(row).substr(0, size))) << size;
    }
    EXPECT_FALSE(decode_touch(kDatabase + "s:2", row));
    EXPECT_FALSE(decode_touch("abc", row));
  }
}

TEST(Field, ComesBackAsItWasWrittenAndNotWhenDamaged) {
  const std::string collection = text(collection_prefix(5));
  const std::string row = "value" + text(field_tail(collection, "name", "value"));
  const auto decoded = decode_field(collection + "name", row);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, "value");
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(decode_field(collection + "name", std::string_view(row).substr(0, size)));
  }
  EXPECT_FALSE(decode_field(collection + "nam", row));
  EXPECT_FALSE(decode_field(text(collection_prefix(6)) + "name", row));
  EXPECT_FALSE(decode_field("short", row));
}

TEST(FieldDeadline, ComesBackAsItWasWrittenAndNotWhenDamaged) {
  const std::string collection = text(collection_prefix(deadlines_of(5)));
  const Time deadline = from_unix_ms(1'700'000'000'123);
  std::string row = text(encode_field_deadline(collection, "name", deadline));
  const auto decoded = decode_field_deadline(collection + "name", row);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, deadline);
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(decode_field_deadline(collection + "name", std::string_view(row).substr(0, size)));
  }
  EXPECT_FALSE(decode_field_deadline(collection + "nam", row));
  EXPECT_FALSE(decode_field_deadline(text(collection_prefix(5)) + "name", row));
  EXPECT_FALSE(decode_field_deadline("short", row));
  for (std::size_t bit = 0; bit < 8 * row.size(); ++bit) {
    row[bit / 8] ^= static_cast<char>(1 << bit % 8);
    EXPECT_FALSE(decode_field_deadline(collection + "name", row)) << bit;
    row[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
}

TEST(Row, IsNeverTakenForOneOfAnotherKind) {
  // A field whose bytes are those of a touch, under a row key that both could have.
  const std::string key = text(collection_prefix(1)) + "x";
  const std::string touch = encode(key.substr(0, 4), key.substr(4), Touch{1, kNever, {}});
  EXPECT_TRUE(decode_touch(key, touch));
  EXPECT_FALSE(decode_field(key, touch));
  // A value of eight bytes, and a deadline of the same ones.
  const std::string prefix = text(collection_prefix(1));
  const std::string field = "12345678" + text(field_tail(prefix, "x", "12345678"));
  EXPECT_TRUE(decode_field(key, field));
  EXPECT_FALSE(decode_field_deadline(key, field));
  EXPECT_FALSE(decode_field(key, text(encode_field_deadline(prefix, "x", kNever))));
}

TEST(RowKey, KeepsADatabasesRowsTogetherInOrder) {
  EXPECT_LT(text(database_prefix(1)), text(database_prefix(256)));
  EXPECT_LT(text(collection_prefix(0xff)), text(collection_prefix(0x100)));
  const auto split = split_row_key(kRowKey);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->database, 7u);
  EXPECT_EQ(split->key, "s:1");
  EXPECT_EQ(split_row_key(text(database_prefix(0xfedcba98)))->database, 0xfedcba98u);
  EXPECT_FALSE(split_row_key("abc"));
}

}  // namespace
}  // namespace sojourn::server

#include "tests/support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

namespace sojourn {

namespace {

template <class T, auto kFree>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;

void require(bool done, const char* what) {
  if (done) return;
  std::cerr << "certificates for tests: " << what << " has failed\n";
  std::abort();
}

Key make_key(KeyKind kind) {
  Key key(kind == KeyKind::curve ? EVP_EC_gen("P-256")
                                 : EVP_RSA_gen(kind == KeyKind::rsa2048 ? 2048u : 4096u));
  require(key != nullptr, "making a key");
  return key;
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "writing a certificate");
  return text_of(bio);
}

std::string pem_of(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "writing a key");
  return text_of(bio);
}

void set_common_name(X509_NAME* name, const std::string& text) {
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()), -1, 0) == 1,
          "naming");
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

GENERAL_NAME* dns_name(const std::string& text) {
  ASN1_IA5STRING* const string = ASN1_IA5STRING_new();
  require(ASN1_STRING_set(string, text.data(), static_cast<int>(text.size())) == 1, "a name");
  GENERAL_NAME* const name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, GEN_DNS, string);
  return name;
}

// By hand: written as text a name could not hold every byte.
void add_alternative_names(X509* certificate, const Subject& subject) {
  GENERAL_NAMES* const names = GENERAL_NAMES_new();
  for (const std::string& text : subject.dns_names) sk_GENERAL_NAME_push(names, dns_name(text));
  for (const std::string& text : subject.addresses) {
    GENERAL_NAME* const name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, a2i_IPADDRESS(text.c_str()));
    sk_GENERAL_NAME_push(names, name);
  }
  if (sk_GENERAL_NAME_num(names) > 0) {
    require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1, "names");
  }
  GENERAL_NAMES_free(names);
}

Certificate begin_certificate(EVP_PKEY* key, const std::string& name, std::chrono::hours begins,
                              std::chrono::hours ends) {
  static long serial = 0;
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), std::chrono::seconds(begins).count());
  X509_gmtime_adj(X509_getm_notAfter(made.get()), std::chrono::seconds(ends).count());
  X509_set_pubkey(made.get(), key);
  set_common_name(X509_get_subject_name(made.get()), name);
  return made;
}

}  // namespace

struct Authority::Parts {
  Key key;
  Certificate certificate;
  std::string pem;
};

void Credentials::write(const std::string& directory, const std::string& name) const {
  std::ofstream(directory + "/" + name + ".crt") << certificate;
  std::ofstream(directory + "/" + name + ".key") << key;
}

Authority::Authority(const std::string& name) : parts_(std::make_unique<Parts>()) {
  parts_->key = make_key(KeyKind::curve);
  parts_->certificate =
      begin_certificate(parts_->key.get(), name, std::chrono::hours(-1), std::chrono::hours(24));
  X509* const own = parts_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(own, own, NID_subject_key_identifier, "hash");
  require(X509_sign(own, parts_->key.get(), EVP_sha256()) > 0, "signing");
  parts_->pem = pem_of(own);
}

Authority::~Authority() = default;

const std::string& Authority::certificate() const { return parts_->pem; }

Credentials Authority::issue(const Subject& subject) const {
  const Key key = make_key(subject.kind);
  const Certificate made =
      begin_certificate(key.get(), subject.common_name, subject.begins, subject.ends);
  X509* const issuer = parts_->certificate.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  add_extension(made.get(), issuer, NID_basic_constraints, "CA:FALSE");
  add_alternative_names(made.get(), subject);
  require(X509_sign(made.get(), parts_->key.get(), EVP_sha256()) > 0, "signing");
  return {pem_of(made.get()), pem_of(key.get())};
}

}  // namespace sojourn

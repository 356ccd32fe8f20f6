// SPDX-License-Identifier: Apache-2.0
// Files through the simulated dm-crypt by the command line. What comes out is judged by bytes that
// a real kernel's dm-crypt wrote, and by OpenSSL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <vector>

#include "scenario/tree.h"
#include "tests/dmcrypt_model/sector_cipher.h"
#include "tests/support/fixture.h"
#include "tests/support/splitmix_plaintext.h"
#include "traces/replay/content_oracle.h"

namespace fs = std::filesystem;

namespace cesasim::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

using testing::HasSubstr;

constexpr const char* kKey = "000102030405060708090a0b0c0d0e0f";

struct Outcome {
  int code = -1;
  std::string out, err;
};

class ImageTest : public testing::Test {
 protected:
  Outcome run(const std::string& arguments, const std::string& before = "") {
    const std::string command = "cd " + work_.string() + " && " + before +
                                " CESASIM_HOME=" + home_.string() + " " + program_ + " " +
                                arguments + " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
            read_file(work_ / "stdout"), read_file(work_ / "stderr")};
  }
  Outcome image(const std::string& what, const std::string& table, const std::string& rest) {
    return run("image " + what + " --table \"" + table + "\" " + rest);
  }
  std::size_t files() const {
    std::size_t n = 0;
    for (const auto& file : fs::directory_iterator(work_)) {
      const std::string name = file.path().filename();
      n += name != "stdout" && name != "stderr" ? 1 : 0;
    }
    return n;
  }

  fs::path home_ = fs::current_path();
  fs::path work_ = fresh_folder("image");
  std::string program_ = fs::absolute("cli/cesasim").string();
};

std::string random_bytes(std::size_t n) {
  std::mt19937_64 dice(7);
  std::string s(n, '\0');
  for (char& c : s) c = static_cast<char>(dice());
  return s;
}

std::string sha256(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

/// The plaintext of tests/vectors, as its vectors.json defines it.
std::string vector_plaintext(const Json& definition) {
  const auto plain = ::cesasim::test::splitmix_plaintext(
      std::stoull(definition["seed"].get<std::string>(), nullptr, 16),
      definition["bytes"].get<std::size_t>());
  std::string s(plain.begin(), plain.end());
  EXPECT_EQ(sha256(s), definition["sha256"].get<std::string>());
  return s;
}

/// aes-cbc-plain of one sector with kKey.
std::string cbc_plain(bool encrypt, std::uint32_t sector, const std::string& in) {
  std::uint8_t key[16], iv[16] = {};
  for (std::uint8_t i = 0; i < 16; ++i) key[i] = i;
  for (int i = 0; i < 4; ++i) iv[i] = static_cast<std::uint8_t>(sector >> (8 * i));
  std::string out(in.size(), '\0');
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  EVP_CipherInit_ex(c, EVP_aes_128_cbc(), nullptr, key, iv, encrypt ? 1 : 0);
  EVP_CIPHER_CTX_set_padding(c, 0);
  int n = 0;
  EVP_CipherUpdate(c, reinterpret_cast<std::uint8_t*>(out.data()), &n,
                   reinterpret_cast<const std::uint8_t*>(in.data()), static_cast<int>(in.size()));
  EVP_CIPHER_CTX_free(c);
  return out;
}

// What Linux wrote is written again, byte for byte, and read, over several paths and drivers.
TEST_F(ImageTest, TheKernelsVectors) {
  const Json vectors = Json::parse(read_file("tests/vectors/vectors.json"));
  const std::string plain = vector_plaintext(vectors["plaintext"]);
  write_file(work_ / "plain", plain);
  const struct {
    const char* name;
    const char* options;
  } cases[] = {
      {"s1-cbc-plain", "--path standard --policy 2005"},
      {"s1-cbc-plain", "--path ocf-v3 --driver cesa_tdma --policy 2005"},
      {"s1-cbc-plain", "--path ocf-v1 --driver cesa_tdma --policy 2005 --placement native"},
      {"s2-cbc-essiv", "--path ocf-lsp --driver cesa_hal"},
      {"s2-cbc-essiv", "--path ocf-async --driver cesa_pio --soc orion-88f5182"},
      {"s2-cbc-essiv", "--driver cesa_ring --placement in-place"},
      {"s3-xts-plain64", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.name) + " " + c.options);
    Json vector;
    for (const Json& v : vectors["vectors"]) {
      if (v["name"] == c.name) vector = v;
    }
    ASSERT_FALSE(vector.is_null());
    const std::string table = vector["dmsetup_table"];
    const std::string options = std::string("--quiet ") + c.options;
    const Outcome to = image("encrypt", table, options + " plain cipher");
    ASSERT_EQ(to.code, 0) << to.err;
    EXPECT_EQ(to.out + to.err, "");
    EXPECT_EQ(sha256(read_file(work_ / "cipher")), vector["ciphertext_sha256"].get<std::string>());
    const Outcome back = image("decrypt", table, options + " cipher back");
    ASSERT_EQ(back.code, 0) << back.err;
    EXPECT_TRUE(read_file(work_ / "back") == plain);
    fs::remove(work_ / "cipher");
  }
}

// Larger than what is in memory at once, mostly zeros, an odd number of sectors, behind a gap.
TEST_F(ImageTest, LargeAndSparse) {
  constexpr std::uint64_t kSectors = 70001;  // 34 MiB: more than a window
  constexpr std::uint64_t kStart = 300'000'003;
  fs::resize_file((write_file(work_ / "in", random_bytes(5000)), work_ / "in"), kSectors * 512);
  const std::string table = "0 70001 crypt aes-cbc-plain " + std::string(kKey) + " 0 /dev/sda ";
  const Outcome to = image("encrypt", table + std::to_string(kStart), "in disk");
  ASSERT_EQ(to.code, 0) << to.err;
  EXPECT_TRUE(to.out.starts_with("disk: 35840512 bytes in ")) << to.out;
  EXPECT_THAT(to.out, HasSubstr(" MB/s"));
  EXPECT_EQ(fs::file_size(work_ / "disk"), (kStart + kSectors) * 512);
  struct stat info;
  ASSERT_EQ(::stat((work_ / "disk").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 40'000'000) << "the gap is a hole";
  std::ifstream disk(work_ / "disk", std::ios::binary);
  const std::string in = read_file(work_ / "in");
  for (const std::uint32_t sector : {0u, 9u, 10u, 65535u, 65536u, 70000u}) {
    std::string got(512, '\0');
    disk.seekg(static_cast<std::streamoff>((kStart + sector) * 512));
    disk.read(got.data(), 512);
    EXPECT_TRUE(got == cbc_plain(true, sector, in.substr(sector * 512, 512))) << sector;
  }
  const Outcome back = image("decrypt", table + std::to_string(kStart), "--quiet disk back");
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_TRUE(read_file(work_ / "back") == in);
  ASSERT_EQ(::stat((work_ / "back").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1'000'000) << "zeros are holes";
}

// The lower device may be larger than the mapping. Its file is never replaced.
TEST_F(ImageTest, APartOfALargerDevice) {
  std::string disk = random_bytes(20 * 512);
  write_file(work_ / "disk", disk);
  const std::string table = "0 8 crypt aes-cbc-plain " + std::string(kKey) + " 100 - 5";
  const Outcome same = image("decrypt", table, "--quiet disk disk");
  EXPECT_EQ(same.code, 2);
  EXPECT_THAT(same.err, HasSubstr("OUT: disk: is also an input"));
  EXPECT_TRUE(read_file(work_ / "disk") == disk);
  const Outcome o = image("decrypt", table, "--quiet disk plain");
  ASSERT_EQ(o.code, 0) << o.err;
  std::string expected;
  for (std::uint32_t i = 0; i < 8; ++i) {
    expected += cbc_plain(false, 100 + i, disk.substr((5 + i) * 512, 512));
  }
  EXPECT_TRUE(read_file(work_ / "plain") == expected);
  EXPECT_EQ(files(), 2u);
}

TEST_F(ImageTest, WhatIsWrongIsSaidAndNothingWritten) {
  write_file(work_ / "in", random_bytes(8 * 512));
  write_file(work_ / "out", "stays");
  const std::string key = kKey;
  const std::string cbc = "crypt aes-cbc-plain " + key + " 0 - ";
  const std::string good = "0 8 " + cbc + "0";
  const struct {
    const char* what;
    std::string table, rest;
    const char* message;
  } bad[] = {
      {"encrypt", "0 8 linear - 0", "in out", "--table: dmcrypt.table: table: "},
      {"encrypt", "0 8 crypt aes-cbc-foo " + key + " 0 - 0", "in out",
       "invalid IV mode 'foo'; valid: "},
      {"encrypt", "0 8 crypt aes-cbc-plain 00 0 - 0", "in out", "key"},
      {"encrypt", good + " 1 sector_size:1000", "in out", "sector_size"},
      {"encrypt", "0 9 " + cbc + "0 1 sector_size:1024", "in out", "multiple of sector_size"},
      {"encrypt", "0 7 " + cbc + "0", "in out",
       "in: has 4096 bytes, the table's 7 sectors are 3584"},
      {"encrypt", "0 9 " + cbc + "0", "in out", "or a table of 8 sectors"},
      {"decrypt", "0 8 " + cbc + "1", "in out", "the table's mapping ends at byte 4608"},
      {"encrypt", "0 8 " + cbc + "18446744073709551615", "in out", "beyond 2^64"},
      {"encrypt", "0 9007199254740992 " + cbc + "0", "in out", "out of range"},
      {"encrypt", good, "--path none in out", "--path: dmcrypt.path: 'none' encrypts nothing"},
      {"encrypt", good, "--driver none in out", "--driver: ocf.driver: unknown: 'none'"},
      {"encrypt", good, "--policy 1999 in out", "--policy: ocf.policy: unknown: '1999'"},
      {"encrypt", good, "--soc none in out", "--soc: soc: no soc preset 'none'"},
      {"encrypt", good, "--placement none in out", "--placement: dmcrypt.placement: unknown"},
      {"encrypt", good, "--path standard --driver cesa_tdma in out",
       "--driver: ocf.driver: 'cesa_tdma' would never be called"},
      {"encrypt", "0 8 crypt aes-xts-plain64 " + key + key + " 0 - 0", "--driver cesa_hal in out",
       "it has no xts"},
      {"encrypt", "0 8 crypt aes-cbc-plain64 " + key + " 0 - 0", "--path ocf-v1 in out",
       "path 'ocf-v1': cipher 'aes-cbc-plain64'"},
      {"encrypt", good, "absent out", "absent: cannot be read: No such file"},
      {"encrypt", good, ". out", ".: cannot be an image"},
      {"encrypt", good, "in /absent/out", "/absent/out: cannot be created"},
      {"encrypt", good, "in /dev/null", "/dev/null: is no regular file"},
      {"encrypt", good, "in", "OUT is missing"},
  };
  for (const auto& b : bad) {
    SCOPED_TRACE(b.table + " " + b.rest);
    const Outcome o = image(b.what, b.table, b.rest);
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_TRUE(o.err.starts_with("cesasim: ")) << o.err;
    EXPECT_THAT(o.err, HasSubstr(b.message));
    EXPECT_EQ(o.out, "");
    EXPECT_TRUE(read_file(work_ / "out") == "stays");
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(run("image").code, 2);
  EXPECT_EQ(run("image encrypt in out").code, 2);
  EXPECT_EQ(run("image --help").code, 0);
}

// A full disk and an interrupt, in the middle of the run.
TEST_F(ImageTest, AnUnfinishedRunLeavesTheOldFile) {
  // Minutes of work: the signal finds it running on any machine.
  constexpr std::uint64_t kBytes = std::uint64_t{16} << 30;
  write_file(work_ / "in", "x");
  fs::resize_file(work_ / "in", kBytes);
  write_file(work_ / "out", "stays");
  const std::string command = "image encrypt --table \"0 33554432 crypt aes-cbc-plain " +
                              std::string(kKey) + " 0 - 0\" in out";
  const Outcome full = run(command, "ulimit -f 20000;");
  EXPECT_EQ(full.code, 3) << full.err;
  EXPECT_THAT(full.err, HasSubstr("out: cannot be written: File too large"));
  EXPECT_TRUE(read_file(work_ / "out") == "stays");
  EXPECT_EQ(files(), 2u);
  // Once the run has begun, its part stands there.
  const Outcome stopped =
      run(command,
          "{ (for i in $(seq 1000); do test -e out.part && break; sleep 0.01; done; sleep 0.3; "
          "kill -INT $(cat pid)) & echo $$ >pid; exec env CESASIM_HOME=" +
              home_.string() + " " + program_ + " " + command + " >stdout 2>stderr; };");
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  fs::remove(work_ / "pid");
  EXPECT_THAT(stopped.err, HasSubstr("interrupted, nothing written"));
  EXPECT_TRUE(read_file(work_ / "out") == "stays");
  EXPECT_EQ(files(), 2u);
}

// A study's disk as a file: what was written is the trace's content under OpenSSL, the rest zeros.
TEST_F(ImageTest, TheDiskOfAStudy) {
  write_file(work_ / "t.csv",
             "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n"
             "0,W,8,4096,1,a,,\n1,W,1024,131072,1,a,,\n2,R,8,4096,1,a,,\n3,W,5000,512,1,a,,\n");
  write_file(
      work_ / "s.yaml",
      "name: s\nscenario:\n  soc: kirkwood-88f6281\n  disk: {preset: flash, capacity_gib: 1}\n"
      "  dmcrypt: {path: ocf-async, cipher: aes-cbc-plain, key: \"" +
          std::string(kKey) +
          "\", key_bits: 128}\n  ocf: {policy: \"2010\", driver: cesa_tdma}\n"
          "  workload: {trace: t.csv}\n  seed: 5\n");
  const Outcome o = run("run s.yaml --quiet --export-image disk");
  ASSERT_EQ(o.code, 0) << o.err;
  const std::uint64_t size = std::uint64_t{1} << 30;
  ASSERT_EQ(fs::file_size(work_ / "disk"), size);
  struct stat info;
  ASSERT_EQ(::stat((work_ / "disk").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1'000'000);
  const traces::ContentOracle oracle(5);
  const auto written = [](std::uint64_t s) {
    return (s >= 8 && s < 16) || (s >= 1024 && s < 1280) || s == 5000;
  };
  std::ifstream disk(work_ / "disk", std::ios::binary);
  for (std::uint32_t sector = 0; sector < 8192; ++sector) {
    std::string got(512, '\0'), expected(512, '\0');
    disk.read(got.data(), 512);
    if (written(sector)) {
      oracle.fill(sector, 1, reinterpret_cast<std::uint8_t*>(expected.data()));
      expected = cbc_plain(true, sector, expected);
    }
    ASSERT_TRUE(got == expected) << sector;
  }
  // The command opens it: what no one wrote deciphers to whatever zeros decipher to.
  const Outcome back = image("decrypt", "0 16 crypt aes-cbc-plain " + std::string(kKey) + " 0 - 0",
                             "--quiet disk plain");
  ASSERT_EQ(back.code, 0) << back.err;
  std::string content(512, '\0');
  oracle.fill(15, 1, reinterpret_cast<std::uint8_t*>(content.data()));
  EXPECT_TRUE(read_file(work_ / "plain").substr(15 * 512) == content);

  const Outcome nowhere = run("run s.yaml --out other --export-image /absent/disk");
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("--export-image: /absent/disk: cannot be created"));
  write_file(work_ / "two.yaml", read_file(work_ / "s.yaml") + "axes:\n  soc.cores: [1, 2]\n");
  const Outcome two = run("run two.yaml --out other --export-image other-disk");
  EXPECT_EQ(two.code, 2);
  EXPECT_THAT(two.err, HasSubstr("the studies have 2 points, and the file shows one"));
  EXPECT_FALSE(fs::exists(work_ / "other")) << "nothing ran";
  EXPECT_FALSE(fs::exists(work_ / "other-disk"));
}

// iv_offset has the table's 64 bits as a key too. The judge is OpenSSL with an IV worked out here;
// `image decrypt` opens with the same number in a table what the study wrote.
TEST_F(ImageTest, AnIvOffsetOf64Bits) {
  write_file(work_ / "t.csv",
             "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n0,W,0,16384,1,a,,\n"
             "1,R,0,16384,1,a,,\n");
  const traces::ContentOracle oracle(5);
  for (const char* cipher : {"aes-cbc-plain", "aes-cbc-plain64", "aes-cbc-plain64be",
                             "aes-cbc-benbi", "aes-cbc-essiv:sha256"}) {
    for (const std::uint64_t offset : {(1ull << 32) - 16, 5ull << 32, ~0ull - 15}) {
      SCOPED_TRACE(std::string(cipher) + " " + std::to_string(offset));
      write_file(
          work_ / "s.yaml",
          "name: s\nscenario:\n  soc: kirkwood-88f6281\n"
          "  disk: {preset: flash, capacity_gib: 0.01}\n  dmcrypt: {path: modern, cipher: \"" +
              std::string(cipher) + "\", key: \"" + kKey +
              "\", key_bits: 128, iv_offset: " + std::to_string(offset) +
              "}\n  ocf: {driver: cesa_tdma}\n  workload: {trace: t.csv}\n  seed: 5\n");
      const Outcome o = run("run s.yaml --quiet --out out --export-image disk");
      ASSERT_EQ(o.code, 0) << o.err;
      cesasim::test::SectorCipher judge;
      judge.cipher = "aes";
      judge.mode = "cbc";
      const std::string iv = std::string(cipher).substr(8);
      judge.iv = iv.substr(0, iv.find(':'));
      judge.hash = EVP_sha256();
      judge.salt_bytes = 32;
      for (std::uint8_t i = 0; i < 16; ++i) judge.key.push_back(i);
      const std::string disk = read_file(work_ / "disk");
      for (std::uint64_t sector = 0; sector < 32; ++sector) {
        std::vector<std::uint8_t> plain(512);
        oracle.fill(sector, 1, plain.data());
        const std::vector<std::uint8_t> expected = judge.crypt(true, sector + offset, plain);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                               reinterpret_cast<const std::uint8_t*>(disk.data()) + sector * 512))
            << sector;
      }
      const Outcome back = image(
          "decrypt",
          "0 32 crypt " + std::string(cipher) + " " + kKey + " " + std::to_string(offset) + " - 0",
          "--quiet disk plain");
      ASSERT_EQ(back.code, 0) << back.err;
      std::string content(512, '\0');
      oracle.fill(31, 1, reinterpret_cast<std::uint8_t*>(content.data()));
      EXPECT_TRUE(read_file(work_ / "plain").substr(31 * 512) == content);
    }
  }
}

}  // namespace
}  // namespace cesasim::test

// SPDX-License-Identifier: Apache-2.0
// What the unit writes into a VCD file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/hw_model/cesa/cesa_bench.h"

namespace cesasim::test {
namespace {

using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace)

/// Full names and, for each, the times and values of its changes.
class Vcd {
 public:
  explicit Vcd(const std::string& path) {
    std::ifstream in(path);
    std::map<std::string, std::string> names;  // by identifier
    std::vector<std::string> scopes;
    std::uint64_t time = 0;
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word == "$scope") {
        std::string kind, name;
        words >> kind >> name;
        scopes.push_back(name);
      } else if (word == "$upscope") {
        scopes.pop_back();
      } else if (word == "$var") {
        std::string kind, bits, id, name;
        words >> kind >> bits >> id >> name;
        std::string full;
        for (const std::string& s : scopes) {
          if (s != "SystemC") full += s + ".";
        }
        names[id] = full + name.substr(0, name.find('['));
        changes_[names[id]];
      } else if (word.starts_with("#")) {
        time = std::stoull(word.substr(1));
      } else if (word.starts_with("b")) {
        std::string id;
        words >> id;
        changes_[names[id]].emplace_back(time, std::stoull(word.substr(1), nullptr, 2));
      } else if (!word.empty() && (word[0] == '0' || word[0] == '1')) {
        changes_[names[word.substr(1)]].emplace_back(time, word[0] - '0');
      }
    }
  }

  using Changes = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  bool has(const std::string& name) const { return changes_.count(name) > 0; }
  /// Without the value that stands there at the beginning.
  Changes of(const std::string& name) const {
    Changes c = changes_.at(name);
    if (!c.empty() && c.front().first == 0) c.erase(c.begin());
    return c;
  }

 private:
  std::map<std::string, Changes> changes_;
};

TEST(Trace, NamesAndTimes) {
  CesaBench b("bench");
  b.cesa.run_ahead(true);
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/cesa";
  sc_core::sc_trace_file* file = sc_core::sc_create_vcd_trace_file(path.c_str());
  file->set_time_unit(1, sc_core::SC_PS);
  b.cesa.trace(file);

  const std::array<std::uint8_t, 16> key = {1}, iv = {2};
  const RequestPlace place = {0x10000, 0x20000, 0x30000, 0x40000};
  put_request(b, place, CipherOp(hw::sa_aes_config(16, true, false), key, iv, 512), 512);
  constexpr hw::Ps kLaunch = 100 * hw::kPsPerNs;
  sc_core::sc_spawn([&] {
    b.set_up_tdma();
    sc_core::wait(sc_core::sc_time::from_value(kLaunch));
    b.launch(place.descriptors);
  });
  sc_core::sc_start();
  const hw::Ps end = sc_core::sc_time_stamp().value();
  sc_core::sc_start(1, sc_core::SC_NS);
  sc_core::sc_close_vcd_trace_file(file);

  const Vcd vcd(path + ".vcd");
  const std::string engine = "bench.cesa.engine0.";
  for (const char* name : {"irq", "cmd", "status", "int_cause", "int_mask", "tdma_state",
                           "tdma_current", "tdma_next", "tdma_byte_count"}) {
    EXPECT_TRUE(vcd.has(engine + name)) << name;
  }
  ASSERT_TRUE(vcd.has(engine + "cmd"));
  EXPECT_EQ(vcd.of(engine + "cmd"), (Vcd::Changes{{kLaunch, 1}, {end, 0}}));
  EXPECT_EQ(vcd.of(engine + "status"), (Vcd::Changes{{kLaunch, 1}, {end, 0}}));
  EXPECT_EQ(vcd.of(engine + "irq"), (Vcd::Changes{{end, 1}}));
  // Five descriptors, each at its own time though the unit was told to run ahead.
  const Vcd::Changes current = vcd.of(engine + "tdma_current");
  ASSERT_EQ(current.size(), 5u);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(current[i].second, place.descriptor(i));
    if (i > 0) {
      EXPECT_GT(current[i].first, current[i - 1].first);
    }
  }
  EXPECT_EQ(current[0].first, kLaunch + 7 * 5 * hw::kPsPerNs);
  EXPECT_EQ(vcd.of(engine + "tdma_state").back(),
            (std::pair<std::uint64_t, std::uint64_t>{end, 0}));
}

}  // namespace
}  // namespace cesasim::test

// SPDX-License-Identifier: Apache-2.0
// The whole transport against a scripted guest over real sockets: the messages that User-mode
// Linux 6.1 sends, and ones that it must not.
#include "cosim/transport/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <optional>

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRam = 0x40000000;
constexpr std::uint64_t kRamBytes = 0x10000;
constexpr std::uint16_t kEntries = 16;

/// A register at 0 of BAR 0: writing N lets an interrupt rise N ns later; reading gives the last
/// value. `history` tells when it was asked to simulate.
struct Timer : SimulatedDevice {
  std::optional<std::uint64_t> next_event_ns() override { return due; }
  void advance_to(std::uint64_t ns) override {
    if (due && *due <= ns) {
      now = *due;
      due.reset();
      raised = true;
    }
    now = std::max(now, ns);
  }
  void bar_read(unsigned, std::uint32_t, std::span<std::uint8_t> data) override {
    std::memcpy(data.data(), &value, std::min<std::size_t>(data.size(), 4));
  }
  void bar_write(unsigned, std::uint32_t offset, std::span<const std::uint8_t> data) override {
    ++writes;
    if (offset != 0) return;
    std::memcpy(&value, data.data(), std::min<std::size_t>(data.size(), 4));
    due = now + value;
  }
  void bar_moved(unsigned, std::uint32_t) override {}
  std::optional<unsigned> take_interrupt() override {
    if (!raised) return std::nullopt;
    raised = false;
    return 0;
  }
  std::optional<std::uint64_t> due;
  std::uint64_t now = 0;
  std::uint32_t value = 0;
  unsigned writes = 0;
  bool raised = false;
};

struct TimeMessage {
  std::uint32_t op, sequence;
  std::uint64_t time;
};
enum : std::uint32_t { kAck, kStart, kRequest, kWait, kGet, kUpdate, kRun, kTod = 8 };

struct UserHeader {
  std::uint32_t request, flags, bytes;
};

FileDescriptor connect_to(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    char name[] = "/tmp/cesasim-test-XXXXXX";
    folder = ::mkdtemp(name);
    SessionOptions options;
    options.identity = {0x11AB, 0xCE5A, 0x100000, {0x1000}, 1};
    options.time_limit_ns = 1'000'000;
    options.epoch_ns = 5'000'000'000;
    session.emplace(listen_at(folder + "/time"), listen_at(folder + "/device"), memory, timer,
                    options);
    over = std::async(std::launch::async, [this] {
      try {
        session->run();
        return std::string("gone");
      } catch (const std::exception& error) {
        // The guest sees its connections close.
        session.reset();
        return std::string(error.what());
      }
    });
    time = connect_to(folder + "/time");
    ram_file = FileDescriptor(::memfd_create("ram", 0));
    EXPECT_EQ(::ftruncate(ram_file.get(), kRamBytes), 0);
    ram = static_cast<std::uint8_t*>(
        ::mmap(nullptr, kRamBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file.get(), 0));
  }
  ~SessionTest() override {
    time.reset();
    user.reset();
    calls.reset();
    if (over.valid()) over.get();
    ::munmap(ram, kRamBytes);
    std::filesystem::remove_all(folder);
  }

  /// How the session ended, with the guest gone.
  std::string end() {
    time.reset();
    user.reset();
    calls.reset();
    return over.get();
  }

  // Time.
  std::uint64_t tell(std::uint32_t op, std::uint64_t t = 0) {
    TimeMessage m = {op, ++sequence, t};
    write_all(time.get(), bytes_of(m));
    read_exact(time.get(), bytes_of(m));
    EXPECT_EQ(m.op, kAck);
    EXPECT_EQ(m.sequence, sequence);
    return m.time;
  }
  /// Waits for the grant; its time.
  std::uint64_t granted() {
    TimeMessage m;
    read_exact(time.get(), bytes_of(m));
    EXPECT_EQ(m.op, kRun);
    const TimeMessage ack = {kAck, m.sequence, 0};
    write_all(time.get(), bytes_of(ack));
    return m.time;
  }

  // vhost-user.
  std::uint64_t ask(std::uint32_t request, std::vector<std::uint64_t> words = {}, int fd = -1,
                    std::uint32_t flags = 1 | 8) {
    const UserHeader h = {request, flags, static_cast<std::uint32_t>(8 * words.size())};
    std::vector<std::uint8_t> bytes(sizeof h + h.bytes);
    std::memcpy(bytes.data(), &h, sizeof h);
    if (h.bytes > 0) std::memcpy(bytes.data() + sizeof h, words.data(), h.bytes);
    send_with_fd(bytes, fd);
    struct {
      UserHeader h;
      std::uint32_t value[2];
    } reply;
    read_exact(user.get(), bytes_of(reply));
    EXPECT_EQ(reply.h.request, request);
    EXPECT_EQ(reply.h.flags, 5u);
    return reply.value[0] | std::uint64_t{reply.value[1]} << 32;
  }
  void send_with_fd(std::vector<std::uint8_t>& bytes, int fd) {
    iovec io = {bytes.data(), bytes.size()};
    msghdr m = {};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (fd >= 0) {
      m.msg_control = control;
      m.msg_controllen = sizeof control;
      cmsghdr* c = CMSG_FIRSTHDR(&m);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    EXPECT_EQ(::sendmsg(user.get(), &m, 0), static_cast<ssize_t>(bytes.size()));
  }
  void connect_device() {
    tell(kStart, 1);
    user = connect_to(folder + "/device");
    EXPECT_EQ(ask(1, {}, -1, 1), 1ull << 30 | 1ull << 32);
    EXPECT_EQ(ask(15, {}, -1, 1), 1u << 3 | 1u << 5 | 1u << 14);
    EXPECT_EQ(ask(2, {1ull << 32}), 0u);
    EXPECT_EQ(ask(16, {1u << 3 | 1u << 5 | 1u << 14}), 0u);
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    calls = FileDescriptor(ends[0]);
    const FileDescriptor other(ends[1]);
    EXPECT_EQ(ask(21, {}, other.get()), 0u);
    EXPECT_EQ(ask(5, {1, kRam, kRamBytes, 0, 0}, ram_file.get()), 0u);
    for (std::uint64_t q = 0; q < 2; ++q) {
      EXPECT_EQ(ask(8, {q | std::uint64_t{kEntries} << 32}), 0u);
      EXPECT_EQ(ask(9, {q, ring(q), ring(q) + 0x400, ring(q) + 0x800, 0}), 0u);
    }
  }

  // Rings: descriptors, used, available, 0x1000 apart for each queue; buffers behind them.
  static std::uint64_t ring(std::uint64_t q) { return kRam + 0x1000 * q; }
  std::uint8_t* at(std::uint64_t address) { return ram + (address - kRam); }
  template <typename T>
  void poke(std::uint64_t address, T value) {
    std::memcpy(at(address), &value, sizeof value);
  }
  template <typename T>
  T peek(std::uint64_t address) {
    T value;
    std::memcpy(&value, at(address), sizeof value);
    return value;
  }
  void offer(unsigned q, std::uint16_t head) {
    const auto index = peek<std::uint16_t>(ring(q) + 0x802);
    poke(ring(q) + 0x804 + 2 * (index % kEntries), head);
    poke(ring(q) + 0x802, static_cast<std::uint16_t>(index + 1));
  }
  void describe(unsigned q, unsigned d, std::uint64_t address, std::uint32_t bytes,
                std::uint16_t flags, std::uint16_t next = 0) {
    poke(ring(q) + 16 * d, address);
    poke(ring(q) + 16 * d + 8, bytes);
    poke(ring(q) + 16 * d + 12, flags);
    poke(ring(q) + 16 * d + 14, next);
  }
  void post(PcidevOp op, unsigned bar, std::uint64_t offset, std::uint32_t value) {
    poke(kRam + 0x4000, PcidevMessage{static_cast<std::uint8_t>(op), static_cast<std::uint8_t>(bar),
                                      0, 4, offset});
    poke(kRam + 0x4010, value);
    describe(0, 0, kRam + 0x4000, 20, 0);
    offer(0, 0);
  }
  void kick(unsigned q = 0) {
    tell(kUpdate, now);
    EXPECT_EQ(ask(35, {q}), 0u);
  }
  void write(PcidevOp op, unsigned bar, std::uint64_t offset, std::uint32_t value) {
    post(op, bar, offset, value);
    kick();
  }
  std::uint32_t read(PcidevOp op, unsigned bar, std::uint64_t offset) {
    post(op, bar, offset, 0);
    describe(0, 0, kRam + 0x4000, 16, 1, 1);
    describe(0, 1, kRam + 0x5000, 4, 2);
    kick();
    return peek<std::uint32_t>(kRam + 0x5000);
  }
  void enable_interrupts() {
    write(PcidevOp::mmio_write, 1, 0, 0xA0000);
    write(PcidevOp::mmio_write, 1, 8, 0x51);
    write(PcidevOp::mmio_write, 1, 12, 0);
    write(PcidevOp::config_write, 0, 0x40, 0x80000000);
    describe(1, 2, kRam + 0x6000, 20, 2);
    offer(1, 2);
  }
  /// Takes a call and answers it, as the guest does: it asks for the present time first.
  unsigned take_call(std::uint64_t expected_now) {
    struct {
      UserHeader h;
      std::uint32_t index, unused;
    } m;
    read_exact(calls.get(), bytes_of(m));
    EXPECT_EQ(m.h.request, 4u);
    EXPECT_EQ(m.h.flags, 9u);
    EXPECT_EQ(tell(kGet), expected_now);
    tell(kRequest, expected_now);
    struct {
      UserHeader h;
      std::uint32_t value[2];
    } reply = {{4, 5, 8}, {0, 0}};
    write_all(calls.get(), bytes_of(reply));
    return m.index;
  }

  std::string folder;
  GuestMemory memory;
  Timer timer;
  std::optional<Session> session;
  std::future<std::string> over;
  FileDescriptor time, user, calls, ram_file;
  std::uint8_t* ram = nullptr;
  std::uint32_t sequence = 0;
  std::uint64_t now = 0;
};

TEST_F(SessionTest, TimeIsGrantedAsRequested) {
  tell(kStart, 1);
  EXPECT_EQ(tell(kTod), 5'000'000'000u);
  EXPECT_EQ(tell(kGet), 0u);
  tell(kRequest, 700);
  tell(kWait);
  EXPECT_EQ(granted(), 700u);
  EXPECT_EQ(tell(kGet), 700u);
  EXPECT_EQ(end(), "gone");
}

TEST_F(SessionTest, TheLastRequestCounts) {
  tell(kStart, 1);
  tell(kRequest, 700);
  tell(kRequest, 300);
  tell(kWait);
  EXPECT_EQ(granted(), 300u);
}

TEST_F(SessionTest, RegistersAnswerWithinTheKick) {
  connect_device();
  EXPECT_EQ(read(PcidevOp::config_read, 0, 0), 0xCE5A11ABu);
  write(PcidevOp::mmio_write, 0, 0, 1234);
  EXPECT_EQ(timer.value, 1234u);
  EXPECT_EQ(read(PcidevOp::mmio_read, 0, 0), 1234u);
  EXPECT_EQ(end(), "gone");
}

TEST_F(SessionTest, AnInterruptComesAtItsTimeAndBeforeALaterRequest) {
  connect_device();
  enable_interrupts();
  write(PcidevOp::mmio_write, 0, 0, 250);
  tell(kRequest, 900);
  tell(kWait);
  EXPECT_EQ(take_call(250), 1u);
  EXPECT_EQ(granted(), 250u) << "the interrupt's handler runs at once";
  const auto m = peek<PcidevMessage>(kRam + 0x6000);
  EXPECT_EQ(m.op, static_cast<std::uint8_t>(PcidevOp::msi));
  EXPECT_EQ(m.address, 0xA0000u);
  EXPECT_EQ(peek<std::uint32_t>(kRam + 0x6010), 0x51u);
  EXPECT_EQ(peek<std::uint32_t>(ring(1) + 0x408), 20u) << "used length";
}

TEST_F(SessionTest, AnInterruptWithoutAnyRequest) {
  connect_device();
  enable_interrupts();
  write(PcidevOp::mmio_write, 0, 0, 100);
  tell(kWait);
  take_call(100);
  EXPECT_EQ(granted(), 100u);
}

TEST_F(SessionTest, PostedWritesAreGivenBackInTime) {
  connect_device();
  for (int i = 0; i < 64; ++i) {
    post(PcidevOp::mmio_write, 0, 4, 0);
    tell(kUpdate, now);
    if (i < 63) {
      EXPECT_EQ(ask(35, {0}), 0u);
      continue;
    }
    // The last one's kick is answered only after the guest has taken the call.
    const UserHeader h = {35, 9, 8};
    std::vector<std::uint8_t> bytes(sizeof h + 8);
    std::memcpy(bytes.data(), &h, sizeof h);
    send_with_fd(bytes, -1);
    EXPECT_EQ(take_call(0), 0u);
  }
  EXPECT_EQ(timer.writes, 64u);
}

TEST_F(SessionTest, TimeHasALimit) {
  tell(kStart, 1);
  tell(kRequest, 1'000'001);
  tell(kWait);
  EXPECT_THAT(over.get(), HasSubstr("limit"));
}

TEST_F(SessionTest, TimeThatGoesBack) {
  tell(kStart, 1);
  tell(kUpdate, 500);
  const TimeMessage m = {kUpdate, 9, 499};
  write_all(time.get(), bytes_of(m));
  EXPECT_THAT(over.get(), HasSubstr("goes back"));
}

TEST_F(SessionTest, UnknownTimeOperation) {
  const TimeMessage m = {77, 1, 0};
  write_all(time.get(), bytes_of(m));
  EXPECT_THAT(over.get(), HasSubstr("operation 77"));
}

TEST_F(SessionTest, AnAnswerToNothing) {
  const TimeMessage m = {kAck, 1, 0};
  write_all(time.get(), bytes_of(m));
  EXPECT_THAT(over.get(), HasSubstr("answer to nothing"));
}

/// One malformed vhost-user message each.
class MalformedTest : public SessionTest {
 protected:
  std::string answer_to(UserHeader h, std::size_t bytes = 0, std::uint8_t fill = 0) {
    connect_device();
    std::vector<std::uint8_t> message(sizeof h + bytes, fill);
    std::memcpy(message.data(), &h, sizeof h);
    send_with_fd(message, -1);
    return over.get();
  }
};

TEST_F(MalformedTest, UnknownRequest) {
  EXPECT_THAT(answer_to({99, 1, 0}), HasSubstr("request 99"));
}
TEST_F(MalformedTest, HugePayload) {
  EXPECT_THAT(answer_to({5, 1, 0xFFFFFFFF}), HasSubstr("payload of 4294967295"));
}
TEST_F(MalformedTest, ShortPayload) {
  EXPECT_THAT(answer_to({9, 1, 4}, 4), HasSubstr("too short"));
}
TEST_F(MalformedTest, QueueOutOfRange) {
  EXPECT_THAT(answer_to({35, 1, 8}, 8, 0x07), HasSubstr("queue"));
}
TEST_F(MalformedTest, MemoryTableWithoutItsFile) {
  EXPECT_THAT(answer_to({5, 1, 40}, 40, 0x01), HasSubstr("memory table"));
}
TEST_F(MalformedTest, FeaturesThatWereNotOffered) {
  EXPECT_THAT(answer_to({2, 1, 8}, 8, 0xFF), HasSubstr("not offered"));
}
TEST_F(MalformedTest, WrongVersion) { EXPECT_THAT(answer_to({35, 2, 8}, 8), HasSubstr("flags")); }
TEST_F(MalformedTest, RingOfThree) {
  connect_device();
  const UserHeader h = {8, 1, 8};
  std::vector<std::uint8_t> message(sizeof h + 8);
  std::memcpy(message.data(), &h, sizeof h);
  message[sizeof h + 4] = 3;
  send_with_fd(message, -1);
  EXPECT_THAT(over.get(), HasSubstr("3 entries"));
}
TEST_F(MalformedTest, CommandThatIsTooShort) {
  connect_device();
  describe(0, 0, kRam + 0x4000, 8, 0);
  offer(0, 0);
  const UserHeader h = {35, 1, 8};
  std::vector<std::uint8_t> message(sizeof h + 8);
  std::memcpy(message.data(), &h, sizeof h);
  send_with_fd(message, -1);
  EXPECT_THAT(over.get(), HasSubstr("message of 8 bytes"));
}
TEST_F(MalformedTest, NoBufferForAnInterrupt) {
  connect_device();
  write(PcidevOp::mmio_write, 1, 12, 0);
  write(PcidevOp::config_write, 0, 0x40, 0x80000000);
  write(PcidevOp::mmio_write, 0, 0, 10);
  tell(kWait);
  EXPECT_THAT(over.get(), HasSubstr("no buffer for an interrupt"));
}

}  // namespace
}  // namespace cesasim::cosim

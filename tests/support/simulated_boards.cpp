// Boards with a sensor, many in one thread, each behind a pseudo-terminal: the firmware's libraries
// of link and sampling, with a checksum in the place of the model.
//
//   boards COUNT WINDOW HOP RATE MODEL
//
// RATE is in samples per second, MODEL the first 8 bytes of the bundle's hash in hexadecimal. The
// program prints the name of each port, and then `ready`. Each line on standard input is a command:
// `stop` stops all sensors; `report` prints for each stream of each board its number and the number
// of windows that the board has reported, and then by how many microseconds a sample was late at
// most; `end` ends. A window's inference time is, so that a subscriber can measure the delay, the
// time of its last sample: CLOCK_MONOTONIC in microseconds, modulo 2^32.

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "checksum_board.h"

using namespace vigil;
using namespace vigil::link;

namespace {

constexpr std::uint32_t kRing = 256;  // receive ring of the port, as on the Nano
constexpr std::uint32_t kKept = 512;  // samples that wait for the link: 2 windows and a second
constexpr std::uint32_t kPhases = 4;  // groups of boards, whose timers are apart
constexpr float kThreshold = 0.99f;   // of scores that are uniform from 0 to 1

std::uint64_t micros() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(
        duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

struct Model {
    std::uint32_t window, hop;
    float rate;
    std::uint8_t hash[8];
};

class Board final : public ChecksumBoard {
  public:
    Board(const Model& model, std::uint32_t number)
        : ChecksumBoard(grid(model), {model.hash, kThreshold, ThresholdSource::bundle}),
          model_(model),
          sampler_(driver_, samples_, {}),
          link_(*this, *this,
                facts("simulated", "fleet", model.hash, grid(model), model.rate, kRing), memory_),
          noise_(number + 1) {
        link_.set_boot_id(number + 1);
        link_.attach(sampler_);
        if (openpty(&port_, &own_, name, nullptr, nullptr) != 0)
            std::perror("openpty"), std::exit(2);
        termios raw;
        tcgetattr(own_, &raw);
        cfmakeraw(&raw);
        tcsetattr(own_, TCSANOW, &raw);  // `own_` stays open, so that the port outlives its host
        fcntl(port_, F_SETFL, O_NONBLOCK);
    }
    int port() const { return port_; }

    // One period of the sensor's timer.
    void tick() {
        if (!driver_.running) return;
        noise_ = noise_ * 1664525u + 1013904223u;
        const auto count = static_cast<std::int16_t>(noise_ >> 16);
        sampled_at_[driver_.next++ % kKept] = static_cast<std::uint32_t>(micros());
        sampler_.tick(&count);
    }
    void poll() {
        while (link_.poll(static_cast<std::uint32_t>(micros()))) {
        }
    }
    void stop() { driver_.running = false; }
    void report(std::uint32_t board) const {
        for (const Streamed& each : streams_) {
            std::printf("%u %u %llu\n", board, each.number,
                        static_cast<unsigned long long>(each.windows));
        }
    }

    char name[64];

  private:
    struct Streamed {
        std::uint32_t number;
        std::uint64_t windows;
    };

    static SegmenterConfig grid(const Model& model) { return {model.window, model.hop, 1}; }
    std::size_t read(Span<std::uint8_t> bytes) override {
        const ssize_t size = ::read(port_, bytes.data(), bytes.size());
        return size < 0 ? 0 : static_cast<std::size_t>(size);
    }
    std::size_t write(Span<const std::uint8_t> bytes) override {
        const ssize_t size = ::write(port_, bytes.data(), bytes.size());
        return size < 0 ? 0 : static_cast<std::size_t>(size);
    }
    void restart(std::uint64_t sample) override {
        ChecksumBoard::restart(sample);
        if (streams_.empty() || streams_.back().number != link_.stream()) {
            streams_.push_back({link_.stream(), 0});
        }
    }
    void statistics(Statistics& counts) override { counts.overruns += sampler_.status().overruns; }
    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        const float score = score_of(frames);
        const std::uint8_t flags = score > calibration_.threshold() ? kAnomaly : 0;
        const std::uint64_t last = index * model_.hop + model_.window - 1;
        if (link_.score(index, score, flags, sampled_at_[last % kKept], {}, {})) {
            streams_.back().windows = index + 1;
        }
    }
    void lost(std::uint64_t first, std::uint64_t count) override {
        if (link_.lost(first, count, link_.gap_reason())) streams_.back().windows = first + count;
    }

    const Model model_;
    TestDriver driver_;
    SampleMemory<kKept, 1> samples_;
    Sampler sampler_;
    LinkMemory<16> memory_;
    BoardLink link_;
    std::uint32_t noise_;
    std::uint32_t sampled_at_[kKept] = {};
    std::vector<Streamed> streams_;
    int port_ = -1;
    int own_ = -1;
};

Model model_of(char** arguments) {
    Model model{static_cast<std::uint32_t>(std::atoi(arguments[0])),
                static_cast<std::uint32_t>(std::atoi(arguments[1])),
                static_cast<float>(std::atof(arguments[2])),
                {}};
    for (int i = 0; i < 8; ++i) {
        const char digits[3] = {arguments[3][2 * i], arguments[3][2 * i + 1], 0};
        model.hash[i] = static_cast<std::uint8_t>(std::strtoul(digits, nullptr, 16));
    }
    return model;
}

// Reads a command if there is one; `end` also when standard input is closed.
std::string command() {
    static std::string waiting;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 0) > 0) {
        char bytes[64];
        const ssize_t size = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (size <= 0) return "end";
        waiting.append(bytes, static_cast<std::size_t>(size));
    }
    const std::size_t end = waiting.find('\n');
    if (end == std::string::npos) return "";
    const std::string line = waiting.substr(0, end);
    waiting.erase(0, end + 1);
    return line;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 6 || std::strlen(arguments[5]) != 16) {
        std::fprintf(stderr, "boards COUNT WINDOW HOP RATE MODEL\n");
        return 2;
    }
    const Model model = model_of(arguments + 2);
    std::vector<std::unique_ptr<Board>> boards;
    const int epoll = epoll_create1(0);
    for (int i = 0; i < std::atoi(arguments[1]); ++i) {
        boards.push_back(std::make_unique<Board>(model, static_cast<std::uint32_t>(i)));
        epoll_event event{EPOLLIN, {.u32 = static_cast<std::uint32_t>(i)}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, boards.back()->port(), &event);
        std::printf("%s\n", boards.back()->name);
    }
    std::printf("ready\n");
    std::fflush(stdout);

    const double step = 1e6 / model.rate / kPhases;  // microseconds
    const std::uint64_t began = micros();
    std::uint64_t steps = 0;
    std::uint64_t latest = 0;
    std::vector<epoll_event> events(boards.size());
    for (;;) {
        if (steps % 256 == 0) {
            const std::string line = command();
            if (line == "end") break;
            if (line == "stop") {
                for (auto& board : boards) board->stop();
            } else if (line == "report") {
                for (std::size_t i = 0; i < boards.size(); ++i) {
                    boards[i]->report(static_cast<std::uint32_t>(i));
                }
                std::printf("late %llu\n", static_cast<unsigned long long>(latest));
                std::fflush(stdout);
            }
        }
        const auto due = began + static_cast<std::uint64_t>(static_cast<double>(steps) * step);
        const std::uint64_t now = micros();
        if (now < due) {
            const auto wait = static_cast<int>((due - now + 999) / 1000);
            const int ready =
                epoll_wait(epoll, events.data(), static_cast<int>(events.size()), wait);
            for (int i = 0; i < ready; ++i)
                boards[events[static_cast<std::size_t>(i)].data.u32]->poll();
            continue;
        }
        latest = std::max(latest, now - due);
        for (std::size_t i = steps % kPhases; i < boards.size(); i += kPhases) {
            boards[i]->tick();
            boards[i]->poll();
        }
        ++steps;
    }
    return 0;
}

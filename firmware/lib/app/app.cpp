#include "app.h"

#include <cstring>

#include "board.h"
#include "golden.h"

namespace vigil {
namespace {

// 0.1.0, as in pyproject.toml.
constexpr std::uint8_t kVersion[3] = {0, 1, 0};

Span<const char> text(const char* words) {
    return {words, std::strlen(words)};
}

link::TickUnit tick_unit() {
    return std::strcmp(board::counter_unit(), "instructions") == 0
               ? link::TickUnit::emulated_instructions
               : link::TickUnit::cycles;
}

link::Cache cache() {
    switch (board::instruction_cache()) {
        case board::Cache::off:
            return link::Cache::off;
        case board::Cache::on:
            return link::Cache::on;
        case board::Cache::absent:
            break;
    }
    return link::Cache::none;
}

}  // namespace

App::App(link::Stream& stream, const Hardware& hardware)
    : hardware_(hardware),
      detector_({{model::kWindow, model::kHop, model::kChannels},
                 model::kScaler,
                 model::kScore,
                 model::kThreshold},
                {counts_, input_, output_}, hardware.micros),
      link_(stream, *this, facts(hardware), memory_) {}

link::BoardFacts App::facts(const Hardware& hardware) {
    link::BoardFacts f{};
    f.board = text(board::name());
    f.engine = text(engine::facts().name);
    f.model = text(model::kName);
    std::memcpy(f.version, kVersion, sizeof f.version);
    std::memcpy(f.model_hash, model::kHash, sizeof f.model_hash);
    f.window = model::kWindow;
    f.hop = model::kHop;
    f.channels = static_cast<std::uint8_t>(model::kChannels);
    f.rate = model::kRateHz;
    f.boot = board::boot_id();
    f.credit = hardware.receive_ring;
    return f;
}

void App::begin() {
    engine_status_ = engine::begin();
    if (engine_status_ != engine::Status::ok) return;
    golden_ = detector_.check({model::kGolden, model::kGoldenCount}, board::counter);
}

void App::poll() {
    link_.poll(hardware_.micros());
}

link::BootReport App::boot_report() {
    const engine::Facts facts = engine::facts();
    link::BootReport report{};
    report.golden_passed = golden_.passed;
    report.golden_total = golden_.total;
    report.model_bytes = facts.model_bytes;
    report.arena_used = facts.arena_used;
    report.arena_size = facts.arena_bytes;
    report.stack_used = board::stack_used();
    report.stack_size = board::stack_size();
    report.ticks = golden_.ticks_per_window;
    report.microseconds = static_cast<std::uint32_t>(std::uint64_t{golden_.ticks_per_window} *
                                                     1'000'000 / board::counter_hz());
    report.tick_unit = static_cast<std::uint8_t>(tick_unit());
    report.cache = static_cast<std::uint8_t>(cache());
    report.engine_status = static_cast<std::uint8_t>(engine_status_);
    return report;
}

void App::restart(std::uint64_t sample) {
    detector_.restart(sample);
    hardware_.light(false);
}

void App::samples(std::uint64_t sample, Span<const std::int16_t> counts) {
    detector_.push(sample, counts, *this);
}

void App::scored(const Verdict& v) {
    hardware_.light(v.anomaly);
    // A report that finds no place is counted by the link as an overrun and reported as lost.
    (void)link_.score(v.window, v.score, v.anomaly, v.microseconds, v.input, v.output);
}

void App::lost(std::uint64_t first, std::uint64_t count) {
    (void)link_.lost(first, count, link::LostReason::gap);
}

void App::failed(std::uint64_t window, engine::Status) {
    (void)link_.lost(window, 1, link::LostReason::engine);
}

}  // namespace vigil

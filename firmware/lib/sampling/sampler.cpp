#include "sampler.h"

#include <cstring>

namespace vigil {
namespace {

link::LostReason reason(Gap gap) {
    switch (gap) {
        case Gap::lead_off:
            return link::LostReason::lead_off;
        case Gap::overrun:
            return link::LostReason::overrun;
        case Gap::none:
            break;
    }
    return link::LostReason::gap;
}

}  // namespace

void Sampler::tick(const std::int16_t* raw) {
    if (raw == nullptr) return ring_.lead_off();
    if (raw == kMissedTick) return ring_.drop();
    std::int16_t* const counts = ring_.slot();
    if (counts == nullptr) return ring_.drop();
    const bool are_counts = driver_.gives_counts();
    for (std::uint32_t c = 0; c < channels_; ++c) {
        counts[c] = are_counts ? raw[c] : conversion_[c](raw[c]);
    }
    ring_.commit();
}

bool Sampler::start(std::uint64_t sample) {
    stop();
    // Ticks are the low 32 bits of the index; the reader is never 2^31 ticks behind.
    ring_.restart(static_cast<std::uint32_t>(sample));
    failed_ = driver_.present() && !driver_.start(sample);
    running_ = driver_.present() && !failed_;
    return running_;
}

void Sampler::stop() {
    if (running_) driver_.stop();
    running_ = false;
}

link::SensorSamples Sampler::at(std::uint64_t sample) {
    const SampleRing::Run run = ring_.at(static_cast<std::uint32_t>(sample));
    return {run.skipped, reason(run.why), run.counts};
}

void Sampler::release(std::uint64_t sample) {
    ring_.release(static_cast<std::uint32_t>(sample));
}

link::Sampling Sampler::status() {
    link::SensorState state = link::SensorState::stopped;
    if (!driver_.present()) {
        state = link::SensorState::absent;
    } else if (failed_) {
        state = link::SensorState::failed;
    } else if (running_) {
        const bool off = ring_.last_gap() == Gap::lead_off;
        state = driver_.ended() ? link::SensorState::ended
                : off           ? link::SensorState::lead_off
                                : link::SensorState::running;
    }
    link::Sampling answer{};
    answer.state = static_cast<std::uint8_t>(state);
    answer.taken = ring_.taken();
    answer.lead_off = ring_.lead_offs();
    answer.overruns = ring_.overruns();
    answer.sensor = {driver_.name(), std::strlen(driver_.name())};
    timing_ = driver_.timing();
    if (timing_.millihertz != 0) {
        answer.timing = {reinterpret_cast<const std::uint8_t*>(&timing_), sizeof timing_};
    }
    return answer;
}

}  // namespace vigil

// The board's own sensor: its samples into the chain, and to a host that watches them.
//
// A sample is kept until the chain has taken it and a host that watches has acknowledged it; when
// there is no place for another, that one is lost to both. So what a host has of the stream is
// what was scored.
#include "board_link.h"

namespace vigil::link {
namespace {

constexpr std::size_t kSampledHeader = 13;  // sample, skipped and why
constexpr std::uint64_t kMostSkipped = 0xFFFFFFFFU;

std::uint64_t least(std::uint64_t a, std::uint64_t b) {
    return a < b ? a : b;
}

}  // namespace

bool BoardLink::start_sampling(std::uint32_t stream) {
    if (sensor_ == nullptr || !sensor_->start(0)) return false;
    begin(stream, 0, 0);
    own_ = true;
    sampled_next_ = sampled_acked_ = 0;
    return true;
}

void BoardLink::stop_sampling() {
    if (own_) sensor_->stop();
}

void BoardLink::on(const SamplingStart& message) {
    if (sensor_ == nullptr) return refuse(ErrorCode::no_sensor, 0);
    if (!may_begin(message.stream, message.sample, message.window)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    if (!own_ || stream_id_ != message.stream) {  // else it came twice
        if (!sensor_->start(message.sample)) {
            return refuse(ErrorCode::no_sensor, sensor_->status().state);
        }
        begin(message.stream, message.sample, message.window);
        own_ = true;
        sampled_next_ = sampled_acked_ = message.sample;
    }
    pending_ |= kSampling;
}

void BoardLink::on(const SamplingStop&) {
    stop_sampling();
    pending_ |= kSampling;
}

void BoardLink::on(const SampledAck& message) {
    if (!own_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > next_sample_) return refuse(ErrorCode::bad_value, 0);
    if (message.sample > sampled_acked_) sampled_acked_ = message.sample;
    if (message.resend != 0 || message.sample > sampled_next_) sampled_next_ = message.sample;
    release_own();
}

Sampling BoardLink::sampling() const {
    Sampling answer{};
    if (sensor_ != nullptr) answer = sensor_->status();
    answer.stream = own_ ? stream_id_ : 0;
    return answer;
}

// Takes what the sensor has, up to a hop of it. True when it took something.
bool BoardLink::sense() {
    if (!own_) return false;
    const OwnSamples own = sensor_->at(next_sample_);
    if (own.skipped != 0) {
        // A gap that goes on is told of a hop at a time, so that it does not fill the line.
        if (own.counts.empty() && own.skipped < facts_.hop) return false;
        if (open_ && reports_.room() == 0) return false;
        gap_reason_ = own.why;
        pass_over(next_sample_ + own.skipped);
        gap_reason_ = LostReason::gap;
    } else {
        const auto values = least(own.counts.size(), std::uint64_t{facts_.hop} * facts_.channels);
        if (values == 0 || take(own.counts.slice(0, static_cast<std::size_t>(values))) == 0) {
            return false;
        }
    }
    release_own();
    return true;
}

// What both the chain and a host that watches have is not needed any more.
void BoardLink::release_own() {
    if (!own_) return;
    const bool watched = open_ && (watch_ & kWatchSamples) != 0;
    sensor_->release(watched ? least(next_sample_, sampled_acked_) : next_sample_);
}

// Puts samples that the chain has taken on the wire. False when none wait, or too few yet.
bool BoardLink::sampled() {
    if (!open_ || !own_ || (watch_ & kWatchSamples) == 0 || sampled_next_ >= next_sample_) {
        return false;
    }
    const std::size_t most =
        (kMaxPayload - kSampledHeader) / (facts_.channels * sizeof(std::int16_t));
    const bool waited = now_us_ - sampled_us_ >= timeouts_.gather_us;
    if (next_sample_ - sampled_next_ < most && !waited) return false;
    // What was acknowledged once is forgotten, whatever the host says now.
    const OwnSamples own = sampled_next_ < sampled_acked_
                               ? OwnSamples{sampled_acked_ - sampled_next_, LostReason::gap, {}}
                               : sensor_->at(sampled_next_);
    const std::uint64_t left = next_sample_ - sampled_next_;
    const std::uint64_t skipped = least(least(own.skipped, left), kMostSkipped);
    std::uint64_t count = least(own.counts.size() / facts_.channels, most);
    count = least(count, left - skipped);
    if (skipped + count == 0) return false;
    const std::size_t values = static_cast<std::size_t>(count) * facts_.channels;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(own.counts.data());
    put(Sampled{sampled_next_ + skipped, static_cast<std::uint32_t>(skipped),
                static_cast<std::uint8_t>(own.why),
                Span<const std::uint8_t>(bytes, values * sizeof(std::int16_t))});
    sampled_next_ += skipped + count;
    sampled_us_ = now_us_;
    return true;
}

}  // namespace vigil::link

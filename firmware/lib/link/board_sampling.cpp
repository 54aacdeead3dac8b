// The on-board sensor: its samples go to the handler, and to a host that watches them.
//
// A sample is kept until the handler has taken it and a watching host has acknowledged it. Without
// memory for the next sample, that sample is lost to both. So the host's recording of the stream is
// what was scored.
#include "board_link.h"

namespace vigil::link {
namespace {

constexpr std::uint64_t kMostSkipped = 0xFFFFFFFFU;

std::uint64_t least(std::uint64_t a, std::uint64_t b) {
    return a < b ? a : b;
}

}  // namespace

bool BoardLink::start_sampling(std::uint32_t stream) {
    if (sensor_ == nullptr || !sensor_->start(0)) return false;
    begin(stream, 0, 0);
    from_sensor_ = true;
    sampled_next_ = sampled_acked_ = 0;
    return true;
}

void BoardLink::stop_sampling() {
    if (from_sensor_) sensor_->stop();
}

void BoardLink::on(const SamplingStart& message) {
    if (sensor_ == nullptr) return refuse(ErrorCode::no_sensor, 0);
    if (!may_begin(message.stream, message.sample, message.window)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    if (!from_sensor_ || stream_id_ != message.stream) {  // or else it is repeated
        if (!sensor_->start(message.sample)) {
            return refuse(ErrorCode::no_sensor, sensor_->status().state);
        }
        begin(message.stream, message.sample, message.window);
        from_sensor_ = true;
        sampled_next_ = sampled_acked_ = message.sample;
    }
    pending_ |= kSampling;
}

void BoardLink::on(const SamplingStop&) {
    stop_sampling();
    pending_ |= kSampling;
}

void BoardLink::on(const SamplingGet&) {
    pending_ |= kSampling;
}

void BoardLink::on(const SampledAck& message) {
    if (!from_sensor_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > next_sample_) return refuse(ErrorCode::bad_value, 0);
    if (message.sample > sampled_acked_) sampled_acked_ = message.sample;
    if (message.resend != 0 || message.sample > sampled_next_) sampled_next_ = message.sample;
    release_sensor_samples();
}

Sampling BoardLink::sampling() const {
    Sampling answer{};
    if (sensor_ != nullptr) answer = sensor_->status();
    answer.stream = from_sensor_ ? stream_id_ : 0;
    return answer;
}

// Takes up to one hop of the sensor's samples. True when it took some.
bool BoardLink::take_sensor_samples() {
    if (!from_sensor_) return false;
    const SensorSamples kept = sensor_->at(next_sample_);
    if (kept.skipped != 0) {
        // A gap that continues is reported one hop at a time, to save reports.
        if (kept.counts.empty() && kept.skipped < facts_.hop) return false;
        if (open_ && reports_.room() == 0) return false;
        gap_reason_ = kept.why;
        skip_to(next_sample_ + kept.skipped);
        gap_reason_ = LostReason::gap;
    } else {
        const auto values = least(kept.counts.size(), std::uint64_t{facts_.hop} * facts_.channels);
        if (values == 0 || take(kept.counts.slice(0, static_cast<std::size_t>(values))) == 0) {
            return false;
        }
    }
    release_sensor_samples();
    return true;
}

// Releases the samples that both the handler and a watching host have.
void BoardLink::release_sensor_samples() {
    if (!from_sensor_) return;
    const bool watched = open_ && (watch_ & kWatchSamples) != 0;
    sensor_->release(watched ? least(next_sample_, sampled_acked_) : next_sample_);
}

// Sends samples that the handler has taken. False when there are none, or too few yet.
bool BoardLink::sampled() {
    if (!open_ || !from_sensor_ || (watch_ & kWatchSamples) == 0 || sampled_next_ >= next_sample_) {
        return false;
    }
    const std::size_t most =
        (kMaxPayload - LayoutOf<Sampled>::kFixedSize) / (facts_.channels * sizeof(std::int16_t));
    const bool waited = now_us_ - sampled_us_ >= timeouts_.gather_us;
    if (next_sample_ - sampled_next_ < most && !waited) return false;
    // Acknowledged samples are released; a host that requests them again gets a gap.
    const SensorSamples kept =
        sampled_next_ < sampled_acked_
            ? SensorSamples{sampled_acked_ - sampled_next_, LostReason::gap, {}}
            : sensor_->at(sampled_next_);
    const std::uint64_t left = next_sample_ - sampled_next_;
    const std::uint64_t skipped = least(least(kept.skipped, left), kMostSkipped);
    std::uint64_t count = least(kept.counts.size() / facts_.channels, most);
    count = least(count, left - skipped);
    if (skipped + count == 0) return false;
    const std::size_t values = static_cast<std::size_t>(count) * facts_.channels;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(kept.counts.data());
    put(Sampled{sampled_next_ + skipped, static_cast<std::uint32_t>(skipped),
                static_cast<std::uint8_t>(kept.why),
                Span<const std::uint8_t>(bytes, values * sizeof(std::int16_t))});
    sampled_next_ += skipped + count;
    sampled_us_ = now_us_;
    return true;
}

}  // namespace vigil::link

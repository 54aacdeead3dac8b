#include "sample_ring.h"

namespace vigil {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// There is one writer, so the addition need not be atomic.
void count(std::atomic<std::uint32_t>& counter) {
    counter.store(counter.load(kRelaxed) + 1, kRelaxed);
}

bool before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

void SampleRing::restart(std::uint32_t tick) {
    head_ = tail_ = write_ = read_ = 0;
    gap_ = 0;
    lead_offs_ = overruns_ = 0;
    tick_ = tick;
}

std::int16_t* SampleRing::slot() {
    const std::uint32_t kept = head_.load(kRelaxed) - tail_.load(std::memory_order_acquire);
    return kept == frames_ ? nullptr : counts_ + std::size_t{write_} * channels_;
}

void SampleRing::commit() {
    const std::uint32_t tick = tick_.load(kRelaxed);
    ticks_[write_] = tick;
    before_[write_] = static_cast<Gap>(gap_.load(kRelaxed));
    gap_.store(0, kRelaxed);
    write_ = write_ + 1 == frames_ ? 0 : write_ + 1;
    // Publish the sample before its tick: a reader that sees the tick also sees the sample.
    head_.store(head_.load(kRelaxed) + 1, std::memory_order_release);
    tick_.store(tick + 1, std::memory_order_release);
}

void SampleRing::skip(Gap gap) {
    gap_.store(static_cast<std::uint8_t>(gap), kRelaxed);
    tick_.store(tick_.load(kRelaxed) + 1, std::memory_order_release);
}

void SampleRing::drop() {
    count(overruns_);
    skip(Gap::overrun);
}

void SampleRing::lead_off() {
    count(lead_offs_);
    skip(Gap::lead_off);
}

std::uint32_t SampleRing::find(std::uint32_t tick, std::uint32_t head) const {
    std::uint32_t low = tail_.load(kRelaxed);
    std::uint32_t high = head;
    const std::uint32_t tail = low;
    while (low != high) {
        const std::uint32_t middle = low + (high - low) / 2;
        const std::uint32_t slot = (read_ + (middle - tail)) % frames_;
        if (before(ticks_[slot], tick)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

SampleRing::Run SampleRing::at(std::uint32_t tick) const {
    // The order matters: every sample with a tick before `now` is then among those before `head`.
    const std::uint32_t now = tick_.load(std::memory_order_acquire);
    const auto gap = static_cast<Gap>(gap_.load(kRelaxed));
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t first = find(tick, head);
    if (first == head) {
        Run nothing;
        nothing.skipped = before(tick, now) ? now - tick : 0;
        nothing.why = gap;
        return nothing;
    }
    std::uint32_t slot = (read_ + (first - tail_.load(kRelaxed))) % frames_;
    Run run;
    run.skipped = ticks_[slot] - tick;
    run.why = before_[slot];
    std::uint32_t size = 1;
    const std::uint32_t most = head - first;
    while (size < most && slot + size < frames_ && ticks_[slot + size] == ticks_[slot] + size) {
        ++size;
    }
    run.counts = Span<const std::int16_t>(counts_ + std::size_t{slot} * channels_,
                                          std::size_t{size} * channels_);
    return run;
}

void SampleRing::release(std::uint32_t tick) {
    const std::uint32_t first = find(tick, head_.load(std::memory_order_acquire));
    const std::uint32_t tail = tail_.load(kRelaxed);
    read_ = (read_ + (first - tail)) % frames_;
    tail_.store(first, std::memory_order_release);
}

}  // namespace vigil

// Quality gate: whether a window of int16 counts can be judged at all.
//
// A dead sensor is easy to reconstruct, so an autoencoder calls it the healthiest of all. The
// gate measures each channel of a window and compares it with limits that training learned from
// normal windows. A window that fails is not judged: it is reported with a reason, without a score.
// A clipped window is still scored: it is an anomaly if its score says so, else it is not judged.
//
// Integer arithmetic, one pass. The formulas are in docs/bundle.md, section "Gate".
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

// Why a window is not judged. The values cross the link.
enum class GateReason : std::uint8_t {
    none = 0,
    flat = 1,      // too little signal: the range or the total variation is too small
    stuck = 2,     // the same count for too many frames in a row
    railed = 3,    // too many frames at the window's own largest or smallest count
    mains = 4,     // hum: too much of the energy lies at a mains frequency
    learning = 5,  // not the gate's: the wearer is being learned from this beat
    clipped = 6,   // a sample lies far beyond the range of training, as after a spike
};

// Whether a window with this verdict of the gate gets a score.
constexpr bool is_scored(GateReason reason) {
    return reason == GateReason::none || reason == GateReason::clipped;
}

// The limits of one channel, in counts and frames. A limit that is 0 (the first two) or as large
// as its type allows (the others) rejects no window.
struct GateLimits {
    std::uint32_t min_variation;  // counts: smallest sum of |x[t] - x[t-1]|
    std::uint32_t max_run;        // frames: longest run of equal counts
    std::uint32_t max_extreme;    // frames: at the largest or at the smallest count
    std::uint32_t max_mains;      // largest share of the energy at one frequency, times 65536
    std::uint16_t min_range;      // counts: smallest difference of largest and smallest count
    std::int16_t lowest;          // counts: a sample below is clipped; -32768: none
    std::int16_t highest;         // counts: a sample above is clipped; 32767: none
};

// Measures of one channel of a window, in the units of GateLimits.
struct GateMeasures {
    std::int32_t smallest;
    std::int32_t largest;
    std::uint32_t variation;
    std::uint32_t run;
    std::uint32_t extreme;
    std::uint32_t mains;

    std::uint32_t range() const { return static_cast<std::uint32_t>(largest - smallest); }
};

// `kMains`: whether mains frequencies are looked for; without, their code takes no flash.
template <bool kMains>
struct QualityGate {
    Span<const GateLimits> channels;
    // cos(w) * 2^15 with w = 2 pi f / rate, for each mains frequency f to look for; at most two.
    // frames / |sin(w)| must stay below 4096, which keeps the recurrence under 2^30.
    Span<const std::int16_t> mains;

    // `window`: whole frames, channels interleaved; at least one frame. `clipped` only if there is
    // no other reason.
    GateReason operator()(Span<const std::int16_t> window) const;

    // Measures one channel.
    GateMeasures measure(Span<const std::int16_t> window, std::size_t channel) const;
};

// The gate of a bundle without one: it rejects no window and takes no flash.
struct NoGate {
    constexpr GateReason operator()(Span<const std::int16_t> /*window*/) const {
        return GateReason::none;
    }
};

}  // namespace vigil

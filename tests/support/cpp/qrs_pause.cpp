// The QRS detector after a pause of months, which a flat line is. Prints the beats found in 100
// beats that follow a pause, for pauses about the limits of 32 bits.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "span.h"

// The samples of a pause would take minutes: the last beat is moved into the past instead.
#define private public
#include "qrs.h"
#undef private

namespace {

using namespace vigil;

constexpr QrsConfig kConfig = {10, 56, 6, 18, 16, 104, 84, 120, 144, 28, 28, 252, 360};
constexpr int kPeriod = 300;  // samples

int beats(Qrs& qrs, int periods) {
    int found = 0;
    for (int i = 0; i < periods * kPeriod; ++i) {
        const int phase = i % kPeriod;
        const int r = phase < 12 ? 20 * phase : phase < 24 ? 20 * (24 - phase) : 0;
        found += qrs.push(static_cast<std::int16_t>(r)) ? 1 : 0;
    }
    return found;
}

}  // namespace

int main() {
    static std::int32_t samples[qrs_short_ring(kConfig)];
    static std::int32_t rings[4][qrs_long_ring(kConfig)];
    for (const std::uint32_t pause : {0U, 1U << 20, (1U << 31) - 9000U, 1U << 31, 3U << 30}) {
        Qrs qrs(kConfig, {Span<std::int32_t>(samples), Span<std::int32_t>(rings[0]),
                          Span<std::int32_t>(rings[1]), Span<std::int32_t>(rings[2]),
                          Span<std::int32_t>(rings[3])});
        qrs.restart();
        (void)beats(qrs, 100);
        qrs.last_r_ -= pause;
        std::printf("%d\n", beats(qrs, 100));
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "dense_rows.h"

#if defined(VIGIL_MVE)

#include <arm_mve.h>

namespace vigil::compiled {
namespace {

// Addresses of the next weights in four rows.
struct Rows {
    const std::int8_t* first;
    const std::int8_t* second;
    const std::int8_t* third;
    const std::int8_t* fourth;

    explicit Rows(const Dense& layer)
        : first(layer.weights),
          second(first + layer.inputs),
          third(second + layer.inputs),
          fourth(third + layer.inputs) {}
};

// Returns the sums of four rows: `bias`, plus the products with `count` values. The loop takes 16
// values in ten instructions, and leaves out the lanes past the end. Moves `bias` by four, and the
// rows by `count`, rounded up to a multiple of 16.
inline int32x4_t four_rows(Rows& rows, const std::int8_t* values, std::uint32_t count,
                           const std::int32_t*& bias) {
    int32x4_t sums;  // in the loop, its register holds the values
    std::int32_t s0;
    std::int32_t s1;
    std::int32_t s2;
    std::int32_t s3;
    asm volatile(
        "ldrd %[s0], %[s1], [%[bias]], #8\n"
        "ldrd %[s2], %[s3], [%[bias]], #8\n"
        "wlstp.8 lr, %[count], 2f\n"
        "1:\n"
        "vldrb.8 %q[sums], [%[x]], #16\n"
        "vldrb.8 q1, [%[r0]], #16\n"
        "vmladava.s8 %[s0], %q[sums], q1\n"
        "vldrb.8 q1, [%[r1]], #16\n"
        "vmladava.s8 %[s1], %q[sums], q1\n"
        "vldrb.8 q1, [%[r2]], #16\n"
        "vmladava.s8 %[s2], %q[sums], q1\n"
        "vldrb.8 q1, [%[r3]], #16\n"
        "vmladava.s8 %[s3], %q[sums], q1\n"
        "letp lr, 1b\n"
        "2:\n"
        "vmov %q[sums][2], %q[sums][0], %[s0], %[s2]\n"
        "vmov %q[sums][3], %q[sums][1], %[s1], %[s3]\n"
        : [sums] "=&w"(sums), [s0] "=&Te"(s0), [s1] "=&Te"(s1), [s2] "=&Te"(s2), [s3] "=&Te"(s3),
          [r0] "+r"(rows.first), [r1] "+r"(rows.second), [r2] "+r"(rows.third),
          [r3] "+r"(rows.fourth), [x] "+r"(values), [bias] "+r"(bias)
        : [count] "r"(count)
        : "lr", "q1", "memory");
    return sums;
}

// Moves the addresses to the next four rows. Call it after four_rows().
inline void next_rows(Rows& rows, std::uint32_t count) {
    const std::uint32_t left = 4 * count - ((count + 15U) & ~15U);
    rows.first += static_cast<std::int32_t>(left);
    rows.second += static_cast<std::int32_t>(left);
    rows.third += static_cast<std::int32_t>(left);
    rows.fourth += static_cast<std::int32_t>(left);
}

// The constants of four rows.
struct Multiplies {
    int32x4_t by, start, below;
};

template <bool kPerChannel>
void rows_of_one_multiply(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    Rows rows(layer);
    const std::int32_t* bias = layer.bias;
    const OneMultiply* by = layer.one_multiplies;
    const std::int32_t shift = layer.shift;
    const int32x4_t floor = vdupq_n_s32(layer.clamp.floor);
    const int32x4_t most = vdupq_n_s32(255);
    const int32x4_t low = vdupq_n_s32(layer.clamp.low - layer.clamp.floor);
    Multiplies m = {vdupq_n_s32(by->by), vdupq_n_s32(by->start), vdupq_n_s32(by->below)};
    const std::int8_t* const end = output + (layer.outputs & ~3U);
    for (; output != end; output += 4, next_rows(rows, inputs)) {
        if (kPerChannel) {
            const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 4), sizeof(OneMultiply) / 4);
            m = {vldrwq_gather_offset_s32(&by->by, steps),
                 vldrwq_gather_offset_s32(&by->start, steps),
                 vldrwq_gather_offset_s32(&by->below, steps)};
            by += 4;
        }
        const int32x4_t sums = four_rows(rows, input, inputs, bias);
        const int32x4_t start = vaddq_s32(m.start, vandq_s32(m.below, vshrq_n_s32(sums, 31)));
        int32x4_t value = vaddq_s32(vmulhq_s32(vshlq_r_s32(sums, shift), m.by), start);
        value = vmaxq_s32(vminq_s32(vshrq_n_s32(value, 16), most), floor);
        vstrbq_s32(output, vaddq_s32(value, low));
    }
}

}  // namespace

std::uint32_t dense_fours(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    const std::uint32_t count = layer.outputs & ~3U;
    if (layer.one_multiplies == nullptr) {
        Rows rows(layer);
        const std::int32_t* bias = layer.bias;
        for (std::uint32_t row = 0; row < count; row += 4, next_rows(rows, inputs)) {
            std::uint32_t sums[4];
            vst1q_u32(sums, vreinterpretq_u32_s32(four_rows(rows, input, inputs, bias)));
            finish(layer, row, sums, 4, output + row);
        }
        return count;
    }
    if (layer.per_channel) {
        rows_of_one_multiply<true>(layer, input, output);
    } else {
        rows_of_one_multiply<false>(layer, input, output);
    }
    return count;
}

}  // namespace vigil::compiled

#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "dense_rows.h"

#if defined(VIGIL_MVE)

#include <arm_mve.h>

namespace vigil::compiled {
namespace {

// The rows' sums of products with `count` values, from `bias` on: 16 values in ten instructions.
// The loop leaves out the lanes past the end.
inline int32x4_t four_rows(const std::int8_t* weights, const std::int8_t* values,
                           std::uint32_t count, const std::int32_t* bias) {
    const std::int8_t* row_1 = weights + count;
    const std::int8_t* row_2 = row_1 + count;
    const std::int8_t* row_3 = row_2 + count;
    std::int32_t s0 = bias[0];
    std::int32_t s1 = bias[1];
    std::int32_t s2 = bias[2];
    std::int32_t s3 = bias[3];
    asm volatile(
        "wlstp.8 lr, %[count], 2f\n"
        "1:\n"
        "vldrb.8 q0, [%[x]], #16\n"
        "vldrb.8 q1, [%[r0]], #16\n"
        "vmladava.s8 %[s0], q0, q1\n"
        "vldrb.8 q1, [%[r1]], #16\n"
        "vmladava.s8 %[s1], q0, q1\n"
        "vldrb.8 q1, [%[r2]], #16\n"
        "vmladava.s8 %[s2], q0, q1\n"
        "vldrb.8 q1, [%[r3]], #16\n"
        "vmladava.s8 %[s3], q0, q1\n"
        "letp lr, 1b\n"
        "2:\n"
        : [s0] "+Te"(s0), [s1] "+Te"(s1), [s2] "+Te"(s2), [s3] "+Te"(s3), [r0] "+r"(weights),
          [r1] "+r"(row_1), [r2] "+r"(row_2), [r3] "+r"(row_3), [x] "+r"(values)
        : [count] "r"(count)
        : "lr", "q0", "q1", "memory");
    return int32x4_t{s0, s1, s2, s3};
}

// The constants of four rows.
struct Multiplies {
    int32x4_t by, start, below;
};

template <bool kPerChannel>
void rows_of_one_multiply(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    const std::int8_t* weights = layer.weights;
    const std::int32_t* bias = layer.bias;
    const OneMultiply* by = layer.one_multiplies;
    const std::int32_t shift = layer.shift;
    const int32x4_t floor = vdupq_n_s32(layer.clamp.floor);
    const int32x4_t most = vdupq_n_s32(255);
    const int32x4_t low = vdupq_n_s32(layer.clamp.low - layer.clamp.floor);
    Multiplies m = {vdupq_n_s32(by->by), vdupq_n_s32(by->start), vdupq_n_s32(by->below)};
    const std::int8_t* const end = output + (layer.outputs & ~3U);
    for (; output != end; output += 4, weights += 4 * inputs, bias += 4) {
        if (kPerChannel) {
            const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 4), sizeof(OneMultiply) / 4);
            m = {vldrwq_gather_offset_s32(&by->by, steps),
                 vldrwq_gather_offset_s32(&by->start, steps),
                 vldrwq_gather_offset_s32(&by->below, steps)};
            by += 4;
        }
        const int32x4_t sums = four_rows(weights, input, inputs, bias);
        const int32x4_t start = vaddq_s32(m.start, vandq_s32(m.below, vshrq_n_s32(sums, 31)));
        int32x4_t value = vaddq_s32(vmulhq_s32(vshlq_r_s32(sums, shift), m.by), start);
        value = vmaxq_s32(vminq_s32(vshrq_n_s32(value, 16), most), floor);
        vstrbq_s32(output, vaddq_s32(value, low));
    }
}

}  // namespace

std::uint32_t dense_fours(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    const std::uint32_t rows = layer.outputs & ~3U;
    const std::int8_t* weights = layer.weights;
    const std::int32_t* bias = layer.bias;
    if (layer.one_multiplies == nullptr) {
        for (std::uint32_t row = 0; row < rows; row += 4, weights += 4 * inputs, bias += 4) {
            std::uint32_t sums[4];
            vst1q_u32(sums, vreinterpretq_u32_s32(four_rows(weights, input, inputs, bias)));
            finish(layer, row, sums, 4, output + row);
        }
        return rows;
    }
    if (layer.per_channel) {
        rows_of_one_multiply<true>(layer, input, output);
    } else {
        rows_of_one_multiply<false>(layer, input, output);
    }
    return rows;
}

}  // namespace vigil::compiled

#endif

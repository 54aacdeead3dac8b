#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "dense_rows.h"

#if defined(VIGIL_NO_LANES)

#if defined(VIGIL_THUMB1)
// dense_rows_thumb1.cpp
extern "C" void vigil_add_four_rows(const std::int8_t* weights, std::uint32_t step,
                                    const std::int8_t* values, std::uint32_t count,
                                    std::uint32_t* sums);
#endif

namespace vigil::compiled {
namespace {

// sums[i] += weights[i * step + j] * values[j] over all j < count, modulo 2^32, for i < 4;
// count > 0.
#if defined(VIGIL_THUMB1)
inline void add_four_rows(const std::int8_t* weights, std::uint32_t step, const std::int8_t* values,
                          std::uint32_t count, std::uint32_t* sums) {
    vigil_add_four_rows(weights, step, values, count, sums);
}
#else
inline void add_four_rows(const std::int8_t* weights, std::uint32_t step, const std::int8_t* values,
                          std::uint32_t count, std::uint32_t* sums) {
    const std::int8_t* row_1 = weights + step;
    const std::int8_t* row_2 = row_1 + step;
    const std::int8_t* row_3 = row_2 + step;
    std::uint32_t s0 = sums[0];
    std::uint32_t s1 = sums[1];
    std::uint32_t s2 = sums[2];
    std::uint32_t s3 = sums[3];
#if defined(VIGIL_THUMB2)
    // Compilers move an address by an instruction of its own, or add up each row for itself, which
    // takes more registers than there are.
    asm volatile(
        ".macro vigil_four_products\n"
        "ldrsb r4, [%[x]], #1\n"
        "ldrsb r5, [%[r0]], #1\n"
        "mla %[s0], r4, r5, %[s0]\n"
        "ldrsb r5, [%[r1]], #1\n"
        "mla %[s1], r4, r5, %[s1]\n"
        "ldrsb r5, [%[r2]], #1\n"
        "mla %[s2], r4, r5, %[s2]\n"
        "ldrsb r5, [%[r3]], #1\n"
        "mla %[s3], r4, r5, %[s3]\n"
        ".endm\n"
        "lsls r4, %[count], #30\n"
        "beq 2f\n"
        "1:\n"
        "vigil_four_products\n"
        "subs %[count], #1\n"
        "lsls r4, %[count], #30\n"
        "bne 1b\n"
        "cmp %[count], #0\n"
        "beq 3f\n"
        "2:\n"
        "vigil_four_products\n"
        "vigil_four_products\n"
        "vigil_four_products\n"
        "vigil_four_products\n"
        "subs %[count], #4\n"
        "bne 2b\n"
        "3:\n"
        ".purgem vigil_four_products\n"
        : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [r0] "+r"(weights),
          [r1] "+r"(row_1), [r2] "+r"(row_2), [r3] "+r"(row_3), [x] "+r"(values),
          [count] "+r"(count)
        :
        : "r4", "r5", "cc", "memory");
#else
    const auto one = [&](std::uint32_t at) {
        const std::int32_t value = values[at];
        s0 += static_cast<std::uint32_t>(weights[at] * value);
        s1 += static_cast<std::uint32_t>(row_1[at] * value);
        s2 += static_cast<std::uint32_t>(row_2[at] * value);
        s3 += static_cast<std::uint32_t>(row_3[at] * value);
        // Keeps the sums in registers, and the loads of the next value behind this one.
        asm volatile("" : "+r"(s0), "+r"(s1), "+r"(s2), "+r"(s3)::"memory");
    };
    for (; count >= 8; count -= 8) {
        one(0);
        one(1);
        one(2);
        one(3);
        one(4);
        one(5);
        one(6);
        one(7);
        values += 8;
        weights += 8;
        row_1 += 8;
        row_2 += 8;
        row_3 += 8;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        one(i);
    }
#endif
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}
#endif

}  // namespace

std::uint32_t dense_fours(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    const std::uint32_t rows = layer.outputs & ~3U;
    const std::uint32_t shift = layer.shift;
    const std::int32_t floor = layer.clamp.floor;
    const std::int32_t low = layer.clamp.low - floor;
    const std::int8_t* weights = layer.weights;
    const std::int32_t* bias = layer.bias;
    const OneMultiply* by = layer.one_multiplies;
    for (std::uint32_t row = 0; row < rows; row += 4, weights += 4 * inputs, bias += 4) {
        std::uint32_t sums[4];
        for (std::uint32_t i = 0; i < 4; ++i) {
            sums[i] = static_cast<std::uint32_t>(bias[i]);
        }
        add_four_rows(weights, inputs, input, inputs, sums);
        if (by == nullptr) {
            finish(layer, row, sums, 4, output + row);
            continue;
        }
        for (std::uint32_t i = 0; i < 4; ++i) {
            std::int32_t value = static_cast<std::int32_t>(multiplied(*by, sums[i], shift)) >> 16;
            value = value > 255 ? 255 : value;
            value = value < floor ? floor : value;
            output[row + i] = static_cast<std::int8_t>(value + low);
            by += layer.per_channel ? 1 : 0;
        }
    }
    return rows;
}

}  // namespace vigil::compiled

#endif

#include "paired_dense.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

#if defined(VIGIL_DSP)
// Four values, the first in the lowest byte.
inline std::uint32_t widen_four(std::uint32_t values, Wide* to, std::uint32_t neighbours) {
    Wide even;
    Wide odd;
    asm("sxtb16 %0, %1" : "=r"(even) : "r"(values));
    asm("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(values));
    asm("smlad %0, %1, %2, %0" : "+r"(neighbours) : "r"(even), "r"(odd));
    to[0] = even;
    to[1] = odd;
    return neighbours;
}

// Groups of eight values up to `end`, at least one, two groups per iteration. LDR may be unaligned.
inline std::uint32_t widen_eights(const std::int8_t*& values, const std::int8_t* end, Wide*& to,
                                  std::uint32_t neighbours) {
    asm volatile(
        "tst %[odd], #8\n"
        "bne 2f\n"
        ".macro vigil_eight\n"
        "ldr r3, [%[in]], #4\n"
        "ldr r5, [%[in]], #4\n"
        "sxtb16 r4, r3, ror #8\n"
        "sxtb16 r3, r3\n"
        "sxtb16 r6, r5, ror #8\n"
        "sxtb16 r5, r5\n"
        "smlad %[sum], r3, r4, %[sum]\n"
        "smlad %[sum], r5, r6, %[sum]\n"
        "stmia %[out]!, {r3-r6}\n"
        ".endm\n"
        "1:\n"
        "vigil_eight\n"
        "2:\n"
        "vigil_eight\n"
        ".purgem vigil_eight\n"
        "cmp %[in], %[end]\n"
        "bne 1b\n"
        : [in] "+r"(values), [out] "+r"(to), [sum] "+r"(neighbours)
        : [end] "r"(end), [odd] "r"(end - values)
        : "r3", "r4", "r5", "r6", "cc", "memory");
    return neighbours;
}
#else
inline std::uint32_t widen_four(std::uint32_t values, Wide* to, std::uint32_t neighbours) {
    to[0] = even_bytes(values);
    to[1] = odd_bytes(values);
    return add_products(to[0], to[1], neighbours);
}

inline std::uint32_t widen_eights(const std::int8_t*& values, const std::int8_t* end, Wide*& to,
                                  std::uint32_t neighbours) {
    for (; values != end; values += 4, to += 2) {
        neighbours = widen_four(load_four(values), to, neighbours);
    }
    return neighbours;
}
#endif

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O2")))  // even in an image built with -Os
#endif
void widen(const std::int8_t* values, std::uint32_t count, Wide* wide) {
    const std::int8_t* end = values + count;
    std::uint32_t neighbours = 0;
    Wide* to = wide + 1;
    if (count >= 8) {
        neighbours = widen_eights(values, end - count % 8, to, neighbours);
    }
    for (; values < end; values += 4, to += 2) {
        // Fewer than four are the top of the last four, which exist because count >= 4.
        const auto over = static_cast<std::uint32_t>(end - values) - 4;
        const bool whole = static_cast<std::int32_t>(over) >= 0;
        const std::uint32_t word = whole ? load_four(values) : load_four(end - 4) >> (0 - 8 * over);
        neighbours = widen_four(word, to, neighbours);
    }
    wide[0] = neighbours;
}

void narrow(const Wide* wide, std::uint32_t count, std::int8_t* values) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t word = wide[1 + i / 4 * 2 + i % 2];
        values[i] = static_cast<std::int8_t>((i % 4 < 2 ? word : word >> 16) - 128);
    }
}

}  // namespace vigil::compiled

#include "pairs.h"

#include <cstring>

namespace vigil::compiled {
namespace {

#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
// Sixteen values at a time, from any address; returns the sum of neighbours.
std::uint32_t widen_sixteens(const std::int8_t*& values, std::uint32_t count, Wide*& out) {
    std::uint32_t sum = 0;
    const std::int8_t* end = values + count / 16 * 16;
    if (values == end) {
        return 0;
    }
    std::uint32_t a;
    std::uint32_t b;
    asm volatile(
        "1:\n"
        ".rept 2\n"
        "ldr %[a], [%[in]], #4\n"
        "ldr %[b], [%[in]], #4\n"
        "sxtb16 r4, %[a]\n"
        "sxtb16 r5, %[a], ror #8\n"
        "sxtb16 r6, %[b]\n"
        "sxtb16 r8, %[b], ror #8\n"
        "smlad %[sum], r4, r5, %[sum]\n"
        "smlad %[sum], r6, r8, %[sum]\n"
        "stmia %[out]!, {r4, r5, r6, r8}\n"
        ".endr\n"
        "cmp %[in], %[end]\n"
        "bne 1b\n"
        : [in] "+r"(values), [out] "+r"(out), [sum] "+r"(sum), [a] "=&r"(a), [b] "=&r"(b)
        : [end] "r"(end)
        : "r4", "r5", "r6", "r8", "cc", "memory");
    return sum;
}
#else
std::uint32_t widen_sixteens(const std::int8_t*&, std::uint32_t, Wide*&) { return 0; }
#endif

}  // namespace

void widen(const std::int8_t* values, std::uint32_t count, Wide* wide) {
    const std::int8_t* end = values + count;
    Wide* out = wide + 1;
    std::uint32_t neighbours = widen_sixteens(values, count, out);
    while (values != end) {
        std::int8_t v[4] = {0, 0, 0, 0};
        const auto left = static_cast<std::uint32_t>(end - values);
        const std::uint32_t take = left < 4 ? left : 4;
        std::memcpy(v, values, take);
        values += take;
        const std::int32_t products = v[0] * v[1] + v[2] * v[3];
        neighbours += static_cast<std::uint32_t>(products);
        *out++ = (static_cast<std::uint32_t>(v[2]) << 16) | static_cast<std::uint16_t>(v[0]);
        *out++ = (static_cast<std::uint32_t>(v[3]) << 16) | static_cast<std::uint16_t>(v[1]);
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

#include "pairs.h"

#include <cstring>

namespace vigil::compiled {
namespace {

struct Widened {
    const std::int8_t* values;
    Wide* out;
    std::uint32_t neighbours;
};

#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
// `groups` times four values, from any address: five instructions each, four groups a turn.
inline void widen_groups(Widened& at, std::uint32_t groups) {
    if (groups == 0) {
        return;
    }
    const std::int8_t* end = at.values + 4 * groups;
    std::uint32_t entry = groups % 4 != 0 ? (4 - groups % 4) * 20 : 0;
    std::uint32_t even;
    std::uint32_t odd;
    asm volatile(
        "adr %[even], 1f\n"
        "add %[entry], %[even]\n"
        "orr %[entry], #1\n"
        "bx %[entry]\n"
        ".balign 4\n"
        "1:\n"
        ".rept 4\n"
        "ldr.w %[odd], [%[in]], #4\n"
        "sxtb16.w %[even], %[odd]\n"
        "sxtb16.w %[odd], %[odd], ror #8\n"
        "smlad %[sum], %[even], %[odd], %[sum]\n"
        "strd %[even], %[odd], [%[out]], #8\n"
        ".endr\n"
        "cmp %[in], %[end]\n"
        "bne 1b\n"
        : [in] "+r"(at.values), [out] "+r"(at.out), [sum] "+r"(at.neighbours), [entry] "+r"(entry),
          [even] "=&r"(even), [odd] "=&r"(odd)
        : [end] "r"(end)
        : "cc", "memory");
}
#else
inline void widen_groups(Widened& at, std::uint32_t groups) {
    for (; groups != 0; --groups, at.values += 4) {
        const std::int8_t* v = at.values;
        at.neighbours += static_cast<std::uint32_t>(v[0] * v[1] + v[2] * v[3]);
        for (std::uint32_t lane = 0; lane < 2; ++lane) {
            const auto high = static_cast<std::uint32_t>(std::int32_t{v[lane + 2]});
            *at.out++ = (high << 16) | static_cast<std::uint16_t>(v[lane]);
        }
    }
}
#endif

}  // namespace

void widen(const std::int8_t* values, std::uint32_t count, Wide* wide) {
    Widened at{values, wide + 1, 0};
    widen_groups(at, count / 4);
    if (count % 4 != 0) {
        std::int8_t last[4] = {0, 0, 0, 0};
        std::memcpy(last, at.values, count % 4);
        at.values = last;
        widen_groups(at, 1);
    }
    wide[0] = at.neighbours;
}

void narrow(const Wide* wide, std::uint32_t count, std::int8_t* values) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t word = wide[1 + i / 4 * 2 + i % 2];
        values[i] = static_cast<std::int8_t>((i % 4 < 2 ? word : word >> 16) - 128);
    }
}

}  // namespace vigil::compiled

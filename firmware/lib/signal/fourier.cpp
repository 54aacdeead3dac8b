#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // several passes over the values, also in an image built with -Os
#endif

#include "fourier.h"

namespace vigil {
namespace {

// The angles of two steps, over distances d and 2 d, at the same place.
struct Angles {
    Angle once;  // of the first step
    Angle low;   // of the second step
    Angle high;  // of the second step, d further: a right angle more
};

#if defined(__ARM_FEATURE_DSP) && !defined(__clang__)

// The values a, b, c, d of a group stay in registers, which C++ does not achieve:
//   r0 first or another value   r2 distance   r4 r5 a   r6 r7 b   r8 r9 c   r10 r11 d
//   r1 r3 lr angles   r12 and registers that are no longer used: temporary   [sp] end
asm(R"(
    .syntax unified
    .thumb
    .macro vigil_load_group
    ldrd r4, r5, [r0]
    add r0, r2
    ldrd r6, r7, [r0]
    add r0, r2
    ldrd r8, r9, [r0]
    add r0, r2
    ldrd r10, r11, [r0]
    .endm

    @ (re, im) *= angle; the new real part is in `to`, and the imaginary part in `im`
    .macro vigil_rotate re, im, angle, to
    smulwb \to, \re, \angle
    smlawt \to, \im, \angle, \to
    smulwb \im, \im, \angle
    smulwt \re, \re, \angle
    sub \im, \im, \re
    .endm

    @ The rotated second is (to, im). The first's imaginary part moves to `to`.
    .macro vigil_butterfly first_re, first_im, re, im, to
    rsb \re, \to, \first_re, asr #1
    add \first_re, \to, \first_re, asr #1
    add \to, \im, \first_im, asr #1
    rsb \im, \im, \first_im, asr #1
    .endm

    @ Both are halved.
    .macro vigil_halves first, second
    asr r12, \first, #1
    add \first, r12, \second, asr #1
    sub \second, r12, \second, asr #1
    .endm

    .section .text.vigil_two_steps, "ax", %progbits
    .balign 4
    .global vigil_two_steps
    .type vigil_two_steps, %function
vigil_two_steps:
    push {r1, r4-r11, lr}
    ldm r3, {r1, r3, lr}
1:
    vigil_load_group
    vigil_rotate r10, r11, r1, r12
    vigil_butterfly r8, r9, r10, r11, r12
    vigil_rotate r6, r7, r1, r9
    vigil_butterfly r4, r5, r6, r7, r9
    vigil_rotate r10, r11, lr, r5
    vigil_butterfly r6, r7, r10, r11, r5
    strd r10, r11, [r0]
    vigil_rotate r8, r12, r3, r7
    vigil_butterfly r4, r9, r8, r12, r7
    sub r0, r2
    strd r8, r12, [r0]
    sub r0, r2
    strd r6, r5, [r0]
    sub r0, r2
    strd r4, r7, [r0]
    ldr r12, [sp]
    add r0, r0, r2, lsl #2
    cmp r0, r12
    blo.n 1b
    pop {r1, r4-r11, pc}
    .size vigil_two_steps, . - vigil_two_steps

    .section .text.vigil_two_first_steps, "ax", %progbits
    .balign 4
    .global vigil_two_first_steps
    .type vigil_two_first_steps, %function
vigil_two_first_steps:
    push {r4-r11, lr}
1:
    vigil_load_group
    vigil_halves r8, r10
    vigil_halves r9, r11
    vigil_halves r4, r6
    vigil_halves r5, r7
    vigil_halves r4, r8
    vigil_halves r5, r9
    smulwb r12, r11, r3
    smulwb r10, r10, r3
    rsb lr, r12, r6, asr #1
    add r6, r12, r6, asr #1
    add r11, r10, r7, asr #1
    rsb r7, r10, r7, asr #1
    strd lr, r11, [r0]
    sub r0, r2
    strd r8, r9, [r0]
    sub r0, r2
    strd r6, r7, [r0]
    sub r0, r2
    strd r4, r5, [r0]
    add r0, r0, r2, lsl #2
    cmp r0, r1
    blo.n 1b
    pop {r4-r11, pc}
    .size vigil_two_first_steps, . - vigil_two_first_steps
    .purgem vigil_load_group
    .purgem vigil_rotate
    .purgem vigil_butterfly
    .purgem vigil_halves
    .text
)");

extern "C" {
// `distance` is in bytes.
void vigil_two_steps(Complex* first, Complex* end, std::size_t distance, const Angles* by);
void vigil_two_first_steps(Complex* first, Complex* end, std::size_t distance, std::int32_t right);
}

inline void two_steps(Complex* first, Complex* end, std::size_t distance, const Angles& by) {
    vigil_two_steps(first, end, distance * sizeof(Complex), &by);
}

inline void two_first_steps(Complex* first, Complex* end, std::size_t distance,
                            std::int16_t right) {
    vigil_two_first_steps(first, end, distance * sizeof(Complex), right);
}

#else

// Two steps on each group of 4 * distance values: on one value of each quarter of the group, the
// first one at `first`.
void two_steps(Complex* first, Complex* end, std::size_t distance, const Angles& by) {
    for (; first < end; first += 4 * distance) {
        Complex& a = first[0];
        Complex& b = first[distance];
        Complex& c = first[2 * distance];
        Complex& d = first[3 * distance];
        butterfly(a, b, rotated(b, by.once));
        butterfly(c, d, rotated(d, by.once));
        butterfly(a, c, rotated(c, by.low));
        butterfly(b, d, rotated(d, by.high));
    }
}

// The same for the very first values, where `once` and `low` turn by nothing and `high` by a right
// angle with the sine `right`.
void two_first_steps(Complex* first, Complex* end, std::size_t distance, std::int16_t right) {
    const auto halved = [](Complex value) { return Complex{value.re >> 1, value.im >> 1}; };
    for (; first < end; first += 4 * distance) {
        Complex& a = first[0];
        Complex& b = first[distance];
        Complex& c = first[2 * distance];
        Complex& d = first[3 * distance];
        butterfly(a, b, halved(b));
        butterfly(c, d, halved(d));
        butterfly(a, c, halved(c));
        butterfly(b, d, {high_product(d.im, right), -high_product(d.re, right)});
    }
}

#endif

}  // namespace

void transform(Span<const std::int16_t> sines, Span<Complex> values) {
    const std::size_t quarter = values.size() / 2;
    std::size_t distance = 1;
    if ((values.size() & 0x55555555) == 0) {  // an odd number of steps
        for (Complex* first = values.data(); first < values.end(); first += 2) {
            butterfly(first[0], first[1], {first[1].re >> 1, first[1].im >> 1});
        }
        distance = 2;
    }
    for (; distance < values.size(); distance *= 4) {
        two_first_steps(values.data(), values.end(), distance, sines[quarter]);
        const std::size_t step = quarter / distance;
        const std::int16_t* once = sines.data();
        const std::int16_t* low = once;
        for (std::size_t i = 1; i < distance; ++i) {
            once += 2 * step;
            low += step;
            const std::int16_t* const high = low + quarter;
            two_steps(values.data() + i, values.end(), distance,
                      {{once[quarter], *once}, {*high, *low}, {high[quarter], *high}});
        }
    }
}

}  // namespace vigil

// Fourier transform of complex values in 32-bit integers.
//
// Radix 2, decimation in time. Every step halves the values, so nothing overflows; one pass over
// the values does two steps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fixed_point.h"
#include "span.h"

namespace vigil {

struct Complex {
    std::int32_t re;
    std::int32_t im;
};

// exp(-2 pi j i / N) as the sine and the cosine, times 2^15.
struct Angle {
    std::int16_t cosine;
    std::int16_t sine;
};

// value * angle / 2
inline Complex rotated(Complex value, Angle by) {
    return {add_high_product(high_product(value.re, by.cosine), value.im, by.sine),
            high_product(value.im, by.cosine) - high_product(value.re, by.sine)};
}

// (first, second) to first / 2 +- rotated_second
inline void butterfly(Complex& first, Complex& second, Complex rotated_second) {
    const Complex half = {first.re >> 1, first.im >> 1};
    first = {half.re + rotated_second.re, half.im + rotated_second.im};
    second = {half.re - rotated_second.re, half.im - rotated_second.im};
}

// The transform of the values, divided by their number, which is a power of two from 2 to 2048.
// `values`: in the order of reversed bits. `sines`: sin(2 pi i / N) for i = 0 to 3 N/4, times 2^15,
// where N is twice the number of values.
void transform(Span<const std::int16_t> sines, Span<Complex> values);

}  // namespace vigil

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // a dozen passes over the samples, also in an image built with -Os
#endif

#include "spectrum.h"

#include "fixed_point.h"

namespace vigil {
namespace {

// value * exp(-2 pi j i / N) / 2, with `sine` the address of sines[i] and `quarter` = N/4
inline Complex rotated(Complex value, const std::int16_t* sine, std::size_t quarter) {
    const std::int16_t cosine = sine[quarter];
    return {add_high_product(high_product(value.re, cosine), value.im, *sine),
            high_product(value.im, cosine) - high_product(value.re, *sine)};
}

inline void butterfly(Complex& first, Complex& second, Complex rotated_second) {
    const Complex half = {first.re >> 1, first.im >> 1};
    first = {half.re + rotated_second.re, half.im + rotated_second.im};
    second = {half.re - rotated_second.re, half.im - rotated_second.im};
}

// The windowed samples as complex values, even samples real, in the order of reversed bits.
void load(Span<const std::int16_t> hann, const Channel& channel, Span<Complex> z) {
    const std::size_t stride = channel.stride;
    const auto frames = static_cast<std::int32_t>(channel.frames);
    std::int32_t sum = 0;
    const std::int16_t* x = channel.first;
    for (std::int32_t left = frames; left > 0; --left) {
        sum += *x;
        x += stride;
    }
    const std::int32_t mean = rounded_quotient(sum, frames);
    x = channel.first;
    const std::int16_t* weight = hann.data();
    const std::size_t shift = 32 - static_cast<std::size_t>(__builtin_ctz(z.size()));
    std::uint32_t i = 0;
    for (; i < static_cast<std::uint32_t>(frames) / 2; ++i) {
        const std::int32_t even = (x[0] - mean) * weight[0];
        const std::int32_t odd = (x[stride] - mean) * weight[1];
        x += 2 * stride;
        weight += 2;
        z[reversed_bits(i) >> shift] = {even, odd};
    }
    if (frames % 2 != 0) z[reversed_bits(i++) >> shift] = {(*x - mean) * *weight, 0};
    for (; i < z.size(); ++i) z[reversed_bits(i) >> shift] = {0, 0};
}

// The transform of the values, divided by their number.
void transform(Span<const std::int16_t> sines, Span<Complex> z) {
    const std::size_t quarter = z.size() / 2;
    Complex* const end = z.end();
    std::size_t step = z.size();
    for (std::size_t distance = 1; distance < z.size(); distance *= 2) {
        for (Complex* first = z.data(); first < end; first += 2 * distance) {
            Complex& second = first[distance];
            butterfly(*first, second, {second.re >> 1, second.im >> 1});
        }
        const std::int16_t* sine = sines.data();
        for (std::size_t k = 1; k < distance; ++k) {
            sine += step;
            for (Complex* first = z.data() + k; first < end; first += 2 * distance) {
                butterfly(*first, first[distance], rotated(first[distance], sine, quarter));
            }
        }
        step /= 2;
    }
}

// The transform of the real series from that of its even and odd samples, halved once more.
// Afterwards z[k] is bin k or its conjugate, but bin N/2 is in z[0].
void separate(Span<const std::int16_t> sines, Span<Complex> z) {
    const std::size_t quarter = z.size() / 2;
    z[0] = {(z[0].re >> 1) - (z[0].im >> 1), 0};
    Complex* low = z.data();
    Complex* high = z.end();
    const std::int16_t* sine = sines.data();
    do {
        ++low;
        --high;
        ++sine;
        Complex even = {(low->re >> 1) + (high->re >> 1), (low->im >> 1) - (high->im >> 1)};
        Complex odd = {(low->im >> 1) + (high->im >> 1), (high->re >> 1) - (low->re >> 1)};
        butterfly(even, odd, rotated(odd, sine, quarter));
        *high = odd;
        *low = even;
    } while (low < high);
}

inline void add_energy(std::int64_t& energy, Complex value) {
    add_product(energy, value.re, value.re);
    add_product(energy, value.im, value.im);
}

}  // namespace

void band_energies(const SpectrumTables& tables, const Channel& channel, Span<Complex> work,
                   Span<std::int16_t> features) {
    load(tables.hann, channel, work);
    transform(tables.sines, work);
    separate(tables.sines, work);
    const std::uint16_t* edge = tables.edges.data();
    const Complex* bin = work.data() + *edge;
    for (std::int16_t& feature : features) {
        const Complex* const end = work.data() + *++edge;
        std::int64_t energy = std::int64_t{tables.noise} * (end - bin);
        for (; bin < end; ++bin) {
            add_energy(energy, bin == work.end() ? work[0] : *bin);
        }
        // The weights of the window are 2^14 times too large.
        feature = static_cast<std::int16_t>(
            ((log2_steps(static_cast<std::uint64_t>(energy)) + 2) >> 2) - 14 * 1024);
    }
}

}  // namespace vigil

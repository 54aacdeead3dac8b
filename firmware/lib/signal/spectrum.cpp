#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // a dozen passes over the samples, also in an image built with -Os
#endif

#include "spectrum.h"

#include "fixed_point.h"

namespace vigil {
namespace {

std::int32_t mean_of(const Channel& channel) {
    const std::int16_t* x = channel.first;
    std::int32_t sum = 0;
#pragma GCC unroll 4
    for (std::size_t left = channel.frames; left > 0; --left) {
        sum += *x;
        x += channel.stride;
    }
    return rounded_quotient(sum, static_cast<std::int32_t>(channel.frames));
}

// The windowed samples as complex values, even samples real, in the order of reversed bits. Not
// inlined, as what follows, because together they run out of registers.
[[gnu::noinline]] void load(Span<const std::int16_t> hann, const Channel& channel,
                            Span<Complex> z) {
    const std::size_t stride = channel.stride;
    const std::int32_t mean = mean_of(channel);
    const std::int16_t* x = channel.first;
    const std::int16_t* weight = hann.data();
    Complex* const values = z.data();
    const int shift = 1 + __builtin_clz(static_cast<std::uint32_t>(z.size()));
    std::uint32_t i = 0;
    for (const std::uint32_t pairs = channel.frames / 2; i < pairs; ++i) {
        const std::int32_t even = (x[0] - mean) * weight[0];
        const std::int32_t odd = (x[stride] - mean) * weight[1];
        x += 2 * stride;
        weight += 2;
        values[reversed_bits(i) >> shift] = {even, odd};
    }
    if (channel.frames % 2 != 0) {
        values[reversed_bits(i++) >> shift] = {(*x - mean) * *weight, 0};
    }
    for (; i < z.size(); ++i) values[reversed_bits(i) >> shift] = {0, 0};
}

// The transform of the real series from that of its even and odd samples, halved once more.
// Afterwards z[k] is bin k or its conjugate, but bin N/2 is in z[0].
[[gnu::noinline]] void separate(Span<const std::int16_t> sines, Span<Complex> z) {
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
        butterfly(even, odd, rotated(odd, {sine[quarter], *sine}));
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
        const Complex* end = work.data() + *++edge;
        std::int64_t energy = std::int64_t{tables.noise} * (end - bin);
        if (end > work.end()) {
            add_energy(energy, work[0]);
            end = work.end();
        }
        for (; bin < end; ++bin) add_energy(energy, *bin);
        // The weights of the window are 2^14 times too large.
        feature = static_cast<std::int16_t>(
            ((log2_steps(static_cast<std::uint64_t>(energy)) + 2) >> 2) - 14 * 1024);
    }
}

}  // namespace vigil

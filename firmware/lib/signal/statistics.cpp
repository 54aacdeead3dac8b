#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // passes over every sample, also in an image built with -Os
#endif

#include "statistics.h"

#include "packed.h"

namespace vigil {

Totals totals(const Channel& channel) {
    const std::size_t stride = channel.stride;
    const std::int16_t* x = channel.first;
    const std::int32_t first = *x;
    const auto frames = static_cast<std::int32_t>(channel.frames);
    Pair largest = packed(first, first);
    Pair smallest = largest;
    Pair weights = packed(frames, frames - 1);
    std::int32_t values = 0;
    std::int64_t squares = 0;
    std::int64_t weighted = 0;
    std::int64_t neighbours = 0;  // sum of x[t] * x[t-1], with x[-1] = x[0]
    std::int32_t last = first;
    // The second weight is that of the last sample of a pair: 1 or more if there is another pair.
    while (static_cast<std::int32_t>(weights.word) >= 0x00010000) {
        const std::int32_t a = x[0];
        const std::int32_t b = x[stride];
        x += 2 * stride;
        const Pair both = packed(a, b);
        add_products(neighbours, both, packed(last, a));
        last = b;
        values = add_products(values, both, {0x00010001});
        add_products(squares, both, both);
        add_products(weighted, both, weights);
        weights.word -= 0x00020002;
        largest = larger(largest, both);
        smallest = smaller(smallest, both);
    }
    if (frames % 2 != 0) {
        const std::int32_t a = *x;
        const Pair both = packed(a, a);
        values += a;
        add_product(squares, a, a);
        weighted += a;
        add_product(neighbours, a, last);
        largest = larger(largest, both);
        smallest = smaller(smallest, both);
        last = a;
    }
    Totals all{};
    all.values = values;
    all.squares = squares;
    all.weighted = weighted;
    all.differences = 2 * (squares - neighbours) + first * first - last * last;
    all.largest = largest.first() > largest.second() ? largest.first() : largest.second();
    all.smallest = smallest.first() < smallest.second() ? smallest.first() : smallest.second();
    return all;
}

Moments moments(const Channel& channel, std::int32_t sum, int shift) {
    const std::int16_t* x = channel.first;
    const std::size_t stride = channel.stride;
    const auto frames = static_cast<std::int32_t>(channel.frames);
    const std::int32_t half = 1 << shift >> 1;
    const std::int32_t minus_sum = -sum;
    std::int32_t previous = frames * *x + minus_sum;
    std::uint32_t second = 0;
    std::int64_t fourth = 0;
    std::uint32_t crossings = 0;
    for (std::int32_t left = frames; left > 0; --left) {
        const std::int32_t centered = frames * *x + minus_sum;
        x += stride;
        crossings += static_cast<std::uint32_t>(centered ^ previous) >> 31;
        previous = centered;
        const std::int32_t y = (centered + half) >> shift;
        const std::int32_t square = y * y;
        second += static_cast<std::uint32_t>(square);
        add_product(fourth, square, square);
    }
    return {second, fourth, static_cast<std::int32_t>(crossings)};
}

}  // namespace vigil

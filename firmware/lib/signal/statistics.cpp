#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // passes over every sample, also in an image built with -Os
#endif

#include "statistics.h"

namespace vigil {

Sums sums(const Channel& channel) {
    Sums all{};
    const std::int16_t* x = channel.first;
    for (auto weight = static_cast<std::int32_t>(channel.frames); weight > 0; --weight) {
        const std::int32_t value = *x;
        x += channel.stride;
        all.values += value;
        add_product(all.squares, value, value);
        add_product(all.weighted, weight, value);
    }
    return all;
}

Extent extent(const Channel& channel) {
    const std::int16_t* x = channel.first;
    std::int32_t previous = *x;
    Extent all = {previous, previous, 0};
    for (std::size_t left = channel.frames - 1; left > 0; --left) {
        x += channel.stride;
        const std::int32_t value = *x;
        if (value > all.largest) all.largest = value;
        if (value < all.smallest) all.smallest = value;
        const std::int32_t difference = value - previous;
        add_product(all.differences, difference, difference);
        previous = value;
    }
    return all;
}

Moments moments(const Channel& channel, std::int32_t sum, int shift) {
    const std::int16_t* x = channel.first;
    const auto frames = static_cast<std::int32_t>(channel.frames);
    const std::int32_t rounding = (1 << shift >> 1) - sum;
    std::int32_t previous = frames * *x - sum;
    Moments all{};
    for (std::size_t left = channel.frames; left > 0; --left) {
        const std::int32_t scaled = frames * *x;
        x += channel.stride;
        const std::int32_t centered = scaled - sum;
        const auto changed = static_cast<std::uint32_t>(centered ^ previous);
        all.crossings += static_cast<std::int32_t>(changed >> 31);
        previous = centered;
        const std::int32_t y = (scaled + rounding) >> shift;
        const std::int32_t square = y * y;
        all.second += static_cast<std::uint32_t>(square);
        add_product(all.fourth, square, square);
    }
    return all;
}

}  // namespace vigil

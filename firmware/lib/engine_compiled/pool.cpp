#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "pool.h"

#include <cstring>

#include "requantize.h"
#include "simd.h"

namespace vigil::compiled {
namespace {

struct Range {
    std::int32_t begin, end;
};

inline Range inside(std::int32_t begin, std::int32_t size, std::int32_t limit) {
    const std::int32_t end = begin + size;
    return {begin < 0 ? 0 : begin, end > limit ? limit : end};
}

// Calls `pooled(y, x, output)` for every window, with a pointer to the output's first channel.
template <typename Pooled>
inline void over_windows(const Pool& pool, std::int8_t* output, Pooled pooled) {
    for (std::int32_t i = 0; i < pool.rows; ++i) {
        const Range y = inside(pool.top + i * pool.stride_height, pool.height, pool.in_height);
        for (std::int32_t j = 0; j < pool.columns; ++j, output += pool.channels) {
            const Range x = inside(pool.left + j * pool.stride_width, pool.width, pool.in_width);
            pooled(y, x, output);
        }
    }
}

// Calls `visit` with a pointer to the first channel of every pixel in a window.
template <typename Visit>
inline void over_pixels(const Pool& pool, const std::int8_t* input, Range y, Range x, Visit visit) {
    for (std::int32_t i = y.begin; i < y.end; ++i) {
        const std::int8_t* pixel = input + (i * pool.in_width + x.begin) * pool.channels;
        for (std::int32_t j = x.begin; j < x.end; ++j, pixel += pool.channels) {
            visit(pixel);
        }
    }
}

// The pixels of a window, and the distances between pixels and between rows.
struct Window {
    std::int32_t rows, columns;
    std::int32_t step, row_skipped;
};

// The sum divided by `count`, rounded to the nearest with ties away from zero, and clamped.
struct Mean {
    std::int32_t count, low, high;
    std::int8_t operator()(std::int32_t sum) const {
        const std::int32_t half = count / 2;
        return clamp((sum < 0 ? sum - half : sum + half) / count, low, high);
    }
};

// Four channels of a window, from that of `pixel` on.
__attribute__((noinline)) void mean_of_four(const Window& window, const Mean& mean,
                                            const std::int8_t* pixel, std::int8_t* output) {
    std::uint32_t s0 = 0;
    std::uint32_t s1 = 0;
    std::uint32_t s2 = 0;
    std::uint32_t s3 = 0;
    for (std::int32_t i = window.rows; i != 0; --i, pixel += window.row_skipped) {
        for (std::int32_t j = window.columns; j != 0; --j, pixel += window.step) {
            const std::uint32_t four = load_four(pixel);
            s0 = add_byte_0(s0, four);
            s1 = add_byte_1(s1, four);
            s2 = add_byte_2(s2, four);
            s3 = add_byte_3(s3, four);
        }
    }
    output[0] = mean(static_cast<std::int32_t>(s0));
    output[1] = mean(static_cast<std::int32_t>(s1));
    output[2] = mean(static_cast<std::int32_t>(s2));
    output[3] = mean(static_cast<std::int32_t>(s3));
}

}  // namespace

void max_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t channels = pool.channels;
    over_windows(pool, output, [&](Range y, Range x, std::int8_t* out) {
        std::memset(out, pool.low, channels);
        over_pixels(pool, input, y, x, [out, channels](const std::int8_t* pixel) {
            keep_larger(out, pixel, channels);
        });
        for (std::uint32_t c = 0; pool.high != 127 && c < channels; ++c) {
            out[c] = out[c] > pool.high ? pool.high : out[c];
        }
    });
}

void average_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    over_windows(pool, output, [&](Range y, Range x, std::int8_t* out) {
        const Window window = {y.end - y.begin, x.end - x.begin, pool.channels,
                               (pool.in_width - (x.end - x.begin)) * pool.channels};
        const Mean mean = {window.rows * window.columns, pool.low, pool.high};
        const std::int8_t* first = input + (y.begin * pool.in_width + x.begin) * pool.channels;
        std::uint32_t c = 0;
        for (; c + 4 <= pool.channels; c += 4) {
            mean_of_four(window, mean, first + c, out + c);
        }
        for (; c < pool.channels; ++c) {
            std::int32_t sum = 0;
            over_pixels(pool, input + c, y, x, [&sum](const std::int8_t* v) { sum += *v; });
            out[c] = mean(sum);
        }
    });
}

void reduce_mean(const Reduce& reduce, const std::int8_t* input, std::int8_t* output) {
    for (std::uint32_t o = 0; o < reduce.outer; ++o, input += reduce.count * reduce.inner) {
        for (std::uint32_t i = 0; i < reduce.inner; ++i) {
            std::int32_t sum = reduce.start;
            const std::int8_t* value = input + i;
            for (std::uint32_t n = reduce.count; n != 0; --n, value += reduce.inner) {
                sum += *value;
            }
            *output++ = output_of(sum, reduce.by, reduce.zero_point, -128, 127);
        }
    }
}

namespace {

// The two neighbours of a position in 1/1024 pixels, and the second one's weight.
struct Between {
    std::int32_t first, second, weight;
};

inline Between between(std::int32_t at, std::int32_t side) {
    constexpr std::int32_t kOne = 1 << 10;
    const std::int32_t first = at < 0 ? 0 : at / kOne;
    const std::int32_t next = (at + kOne - 1) / kOne;
    return {first, next < side - 1 ? next : side - 1, at - kOne * first};
}

}  // namespace

void interpolate(const Interpolate& resize, const std::int8_t* input, std::int8_t* output) {
    constexpr std::int32_t kOne = 1 << 10;
    const std::int32_t channels = resize.channels;
    for (std::int32_t i = 0; i < resize.out_height; ++i) {
        const Between y = between(i * resize.y_step + resize.y_start, resize.in_height);
        const std::int8_t* upper = input + y.first * resize.in_width * channels;
        const std::int8_t* lower = input + y.second * resize.in_width * channels;
        for (std::int32_t j = 0; j < resize.out_width; ++j) {
            const Between x = between(j * resize.x_step + resize.x_start, resize.in_width);
            for (std::int32_t c = 0; c < channels; ++c) {
                const std::int32_t left = x.first * channels + c;
                const std::int32_t right = x.second * channels + c;
                const std::int32_t sum =
                    (kOne - y.weight) *
                        ((kOne - x.weight) * upper[left] + x.weight * upper[right]) +
                    y.weight * ((kOne - x.weight) * lower[left] + x.weight * lower[right]);
                constexpr std::int32_t kHalf = 1 << 19;
                *output++ =
                    static_cast<std::int8_t>((sum + (sum > 0 ? kHalf : -kHalf)) / (1 << 20));
            }
        }
    }
}

}  // namespace vigil::compiled

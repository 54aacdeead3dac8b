#include "detector.h"

#include <cstring>

namespace vigil {
namespace {

std::uint32_t add_to_hash(std::uint32_t state, Span<const std::int8_t> bytes) {
    for (const std::int8_t byte : bytes) {
        state = (state ^ static_cast<std::uint8_t>(byte)) * 16777619U;
    }
    return state;
}

}  // namespace

std::uint32_t hash(Span<const std::int8_t> input, Span<const std::int8_t> output) {
    return add_to_hash(add_to_hash(2166136261U, input), output);
}

bool same_bits(float a, float b) {
    std::uint32_t bits_a;
    std::uint32_t bits_b;
    std::memcpy(&bits_a, &a, sizeof a);
    std::memcpy(&bits_b, &b, sizeof b);
    return bits_a == bits_b;
}

}  // namespace vigil

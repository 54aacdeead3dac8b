// The table of compiled models that the runner executes.
#pragma once

#include <cstdint>

struct Network {
    void (*infer)(const std::int8_t* input, std::int8_t* output);
    std::uint32_t input_size;
    std::uint32_t output_size;
};

extern const Network kNetworks[];
extern const std::uint32_t kNetworkCount;

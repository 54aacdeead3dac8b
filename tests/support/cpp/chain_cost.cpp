// Counts the instructions of the whole chain of a model, frame by frame, on int16 samples from the
// file "samples.bin": segmenter, gate, input, engine, score, wearer and decision.
#include <cstdint>
#include <cstdio>

#include "constants.h"
#include "detector.h"

namespace {

using namespace vigil;

std::int16_t frame[model::kChannels];
std::int8_t input[model::kInputSize];
std::int8_t output[model::kOutputSize];
model::SegmentStage::Storage<model::kSegmenter> storage;
model::SegmentStage::Storage<model::kSegmenter> storage_alone;

// CMSDK timer 0 of the emulated core counts down: ticks of 40 ns, and 64 ns per instruction.
volatile std::uint32_t& timer(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0x40000000 + offset);
}

// The work's ticks, without those of reading the timer.
template <typename Work>
std::uint32_t ticks(Work work) {
    const std::uint32_t start = timer(4);
    const std::uint32_t empty = start - timer(4);
    const std::uint32_t before = timer(4);
    work();
    return before - timer(4) - empty;
}

struct Silent final : Segmenter::Sink {
    void window(std::uint64_t, Span<const std::int16_t>) override {}
    void lost(std::uint64_t, std::uint64_t) override {}
};

struct Listener final : DetectorListener {
    bool ended = false;  // a window, during the last frame
    std::uint32_t windows = 0;
    std::uint32_t judged = 0;
    void scored(const Verdict& /*verdict*/) override {
        ended = true;
        ++judged;
        ++windows;
    }
    void rejected(std::uint64_t, GateReason) override {
        ended = true;
        ++windows;
    }
    void lost(std::uint64_t, std::uint64_t) override {}
    void failed(std::uint64_t, engine::Status) override {}
};

Detector<model::Chain, model::SegmentStage, model::WearerStage> detector(
    {model::kSegmenter, model::kChain, model::kThreshold}, {storage.memory(), input, output},
    [] { return std::uint32_t{0}; });
model::SegmentStage alone(model::kSegmenter, storage_alone.memory());

// Of a window of fixed length there is no R.
template <typename Stage>
auto frame_of_r(const Stage& stage, int) -> decltype(stage.mark().frame) {
    return stage.mark().frame;
}
template <typename Stage>
std::uint64_t frame_of_r(const Stage& stage, long) {
    return stage.next_frame();
}

}  // namespace

int main() {
    engine::begin();
    timer(8) = timer(4) = ~0U;
    timer(0) = 1;
    detector.restart(0);
    alone.restart(0);
    Silent silent;
    Listener listener;
    std::FILE* const file = std::fopen("samples.bin", "rb");
    if (file == nullptr) return 1;
    std::uint64_t all = 0;        // ticks
    std::uint64_t segmented = 0;  // ticks
    std::uint64_t frames = 0;
    std::uint32_t most = 0;    // ticks of a frame
    std::uint64_t latest = 0;  // frames from R to the verdict
    while (std::fread(frame, sizeof frame, 1, file) == 1) {
        segmented += ticks([&] { alone.push(frames, frame, silent); });
        listener.ended = false;
        const std::uint32_t took = ticks([&] { detector.push(frames, frame, listener); });
        all += took;
        if (took > most) most = took;
        if (listener.ended) {
            const std::uint64_t late = frames - frame_of_r(detector.segmenter(), 0);
            if (late > latest) latest = late;
        }
        ++frames;
    }
    const auto instructions = [](std::uint64_t of) { return static_cast<double>(of) * 40 / 64; };
    std::printf("%.0f %u %u %.0f %.0f %.0f %u\n", static_cast<double>(frames),
                static_cast<unsigned>(listener.windows), static_cast<unsigned>(listener.judged),
                instructions(all), instructions(segmented), instructions(most),
                static_cast<unsigned>(latest));
}

// Python's view of the features.
#include "arrays.h"
#include "feature_input.h"

namespace vigil::native {
namespace {

using AllStatistics = vigil::Statistics<255>;
constexpr std::size_t kMostPoints = 4096;

class Features {
  public:
    Features(std::size_t channels, int statistics, std::vector<std::uint16_t> edges,
             std::vector<std::int16_t> hann, std::vector<std::int16_t> sines, std::uint32_t noise)
        : channels_(channels),
          statistics_(statistics),
          edges_(std::move(edges)),
          hann_(std::move(hann)),
          sines_(std::move(sines)),
          noise_(noise) {
        require(channels >= 1, "channels must be 1 or more");
        require(statistics >= 0 && statistics < 256, "statistics must be a set of 8 bits");
        require(edges_.size() != 1, "edges must have two entries or more, or none");
        if (edges_.empty()) return;
        points_ = (sines_.size() - 1) / 3 * 4;
        require(points_ >= 4 && points_ <= kMostPoints && (points_ & (points_ - 1)) == 0 &&
                    sines_.size() == points_ / 4 * 3 + 1,
                "sines must have 3 N / 4 + 1 entries, with N a power of two from 4 to 4096");
        require(!hann_.empty() && hann_.size() <= points_,
                "hann must have an entry per frame, at most N");
        for (const std::int16_t weight : hann_) {
            require(weight >= 0 && weight <= 16384, "hann must lie in 0..16384");
        }
        for (const std::int16_t sine : sines_) {
            require(sine > -32768, "sines must lie in -32767..32767");
        }
        require(edges_.front() >= 1 && edges_.back() <= points_ / 2 + 1,
                "edges must lie in 1..N/2 + 1");
        for (std::size_t i = 1; i < edges_.size(); ++i) {
            require(edges_[i - 1] < edges_[i], "edges must ascend");
        }
    }

    Counts measure(const py::array& windows) const {
        const Counts counts = windows_of_counts(windows, channels_);
        const auto frames = static_cast<std::size_t>(counts.shape(1));
        require(frames <= vigil::kMostFrames,
                "a window with features may have at most 4096 frames");
        require(edges_.empty() || frames == hann_.size(),
                "windows must have as many frames as hann has entries");
        const auto n = static_cast<std::size_t>(counts.shape(0));
        const std::size_t bands = edges_.empty() ? 0 : edges_.size() - 1;
        std::size_t count = bands;
        for (int bit = 0; bit < 8; ++bit) count += statistics_ >> bit & 1;
        Counts features({n, channels_ * count});
        std::int16_t* to = features.mutable_data();
        std::vector<vigil::Complex> work(points_ / 2);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = 0; c < channels_; ++c) {
                const vigil::Channel channel = {counts.data() + i * frames * channels_ + c,
                                                channels_, frames};
                std::int16_t all[AllStatistics::count()];
                AllStatistics{}(channel, all);
                for (int bit = 0; bit < 8; ++bit) {
                    if ((statistics_ >> bit & 1) != 0) *to++ = all[bit];
                }
                if (bands != 0) {
                    vigil::band_energies({{edges_.data(), edges_.size()},
                                          {hann_.data(), hann_.size()},
                                          {sines_.data(), sines_.size()},
                                          noise_},
                                         channel, {work.data(), work.size()}, {to, bands});
                    to += bands;
                }
            }
        }
        return features;
    }

  private:
    std::size_t channels_;
    int statistics_;
    std::vector<std::uint16_t> edges_;
    std::vector<std::int16_t> hann_;
    std::vector<std::int16_t> sines_;
    std::uint32_t noise_;
    std::size_t points_ = 0;
};

}  // namespace

void bind_features(py::module_& module) {
    py::class_<Features>(module, "Features",
                         "Statistics and band energies of windows (docs/bundle.md, Features).")
        .def(py::init<std::size_t, int, std::vector<std::uint16_t>, std::vector<std::int16_t>,
                      std::vector<std::int16_t>, std::uint32_t>(),
             "channels"_a, "statistics"_a, "edges"_a, "hann"_a, "sines"_a, "noise"_a)
        .def("measure", &Features::measure, "windows"_a,
             "int16 [n, window, channels] to int16 [n, channels * (statistics + bands)].");
}

}  // namespace vigil::native

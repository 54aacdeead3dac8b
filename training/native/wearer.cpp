// Python's view of the wearer.
#include "wearer.h"

#include <cstring>
#include <limits>

#include "arrays.h"

namespace vigil::native {
namespace {

WearerScore score_kind(const std::string& name) {
    if (name == "template") return WearerScore::forms;
    if (name == "autoencoder") return WearerScore::model;
    require(name == "both", "score must be 'template', 'autoencoder' or 'both'");
    return WearerScore::both;
}

class Wearer {
  public:
    Wearer(const std::string& score, std::uint32_t window, std::uint32_t channels,
           std::uint32_t first, std::uint32_t length, std::uint32_t shift, std::uint32_t learn)
        : window_(window),
          config_{score_kind(score), channels, first, length, shift, learn},
          forms_(kWearerForms * std::size_t{length} * channels),
          flagged_(std::size_t{length} * channels),
          wearer_(config_, state_, {forms_.data(), forms_.size()},
                  {flagged_.data(), flagged_.size()}) {
        require(channels >= 1 && length >= 1 && length <= 255 && length * channels <= 1024,
                "length must be 1 to 255 frames, and length * channels at most 1024");
        require(learn >= 1, "learn must be 1 or more");
        require(first >= shift && first + length + shift <= window,
                "the compared stretch and its shifts must lie in the window");
    }
    Wearer(const Wearer&) = delete;

    Floats judge(const py::array& beats, const py::array& rr, const py::array& errors) {
        const Counts counts = windows_of_counts(beats, config_.channels);
        const auto intervals = exactly<std::uint32_t>(rr, "rr", "uint32");
        const Floats error = exactly<float>(errors, "errors", "float32");
        const auto n = static_cast<std::size_t>(counts.shape(0));
        require(counts.shape(1) == static_cast<py::ssize_t>(window_) && intervals.ndim() == 1 &&
                    error.ndim() == 1 && intervals.shape(0) == counts.shape(0) &&
                    error.shape(0) == counts.shape(0),
                "beats [n, window, channels], rr [n] and errors [n] must agree");
        const std::size_t size = std::size_t{window_} * config_.channels;
        Floats scores(static_cast<py::ssize_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
            const bool judged = wearer_.learned();
            const float score =
                wearer_({counts.data() + i * size, size}, intervals.data()[i], error.data()[i]);
            scores.mutable_data()[i] = judged ? score : std::numeric_limits<float>::quiet_NaN();
        }
        return scores;
    }

    void keep(const py::array& beat) {
        const Counts counts = windows_of_counts(beat, config_.channels);
        require(counts.shape(0) == 1 && counts.shape(1) == static_cast<py::ssize_t>(window_),
                "beat must have the shape [1, window, channels]");
        wearer_.keep({counts.data(), static_cast<std::size_t>(counts.size())});
    }
    void accept() { wearer_.accept(); }
    void restart() { wearer_.restart(); }
    bool learned() const { return wearer_.learned(); }

    py::array_t<std::int32_t> forms() const {
        py::array_t<std::int32_t> values({py::ssize_t{state_.forms}, py::ssize_t{config_.length},
                                          py::ssize_t{config_.channels}});
        std::copy(forms_.begin(), forms_.begin() + values.size(), values.mutable_data());
        return values;
    }

    py::bytes memory() const {
        std::string bytes(sizeof state_ + forms_.size() * sizeof(std::int32_t), '\0');
        std::memcpy(bytes.data(), &state_, sizeof state_);
        std::memcpy(bytes.data() + sizeof state_, forms_.data(),
                    forms_.size() * sizeof(std::int32_t));
        return bytes;
    }

  private:
    std::uint32_t window_;
    WearerConfig config_;
    WearerState state_{};
    std::vector<std::int32_t> forms_;
    std::vector<std::int16_t> flagged_;
    vigil::Wearer wearer_;
};

}  // namespace

void bind_wearer(py::module_& module) {
    py::class_<Wearer>(module, "Wearer", "What is normal for one wearer (docs/bundle.md, Wearer).")
        .def(py::init<const std::string&, std::uint32_t, std::uint32_t, std::uint32_t,
                      std::uint32_t, std::uint32_t, std::uint32_t>(),
             "score"_a, "window"_a, "channels"_a, "first"_a, "length"_a, "shift"_a, "learn"_a)
        .def("judge", &Wearer::judge, "beats"_a, "rr"_a, "errors"_a,
             "Judge and learn from int16 [n, window, channels] beats, in order of time, with "
             "uint32 [n] frames since the beat before (0: unknown) and float32 [n] errors of the "
             "model: float32 [n], NaN while the wearer is being learned.")
        .def("keep", &Wearer::keep, "beat"_a, "Keep a flagged beat, int16 [1, window, channels].")
        .def("accept", &Wearer::accept, "Make the kept beat a form of this wearer.")
        .def("restart", &Wearer::restart, "Forget everything.")
        .def_property_readonly("learned", &Wearer::learned)
        .def_property_readonly("forms", &Wearer::forms,
                               "int32 [forms, length, channels], mean removed, 1/256 count.")
        .def_property_readonly("memory", &Wearer::memory,
                               "State and forms, as the board has them.");
}

}  // namespace vigil::native

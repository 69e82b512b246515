#include "backend.h"

#include "backend-libraries.h"
#include "error.h"
#include "system-info.h"

#include <algorithm>
#include <cctype>

namespace bllossom {

namespace {

constexpr int32_t max_threads = GGML_MAX_N_THREADS;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

/** "cpu", "cuda", …: the family of a device. */
std::string family(ggml_backend_dev_t device) {
    return lower(ggml_backend_reg_name(ggml_backend_dev_backend_reg(device)));
}

const char * type_name(ggml_backend_dev_t device) {
    switch (ggml_backend_dev_type(device)) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
        return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
        return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
        return "igpu";
    default:
        return "accel";
    }
}

ggml_backend_dev_t cpu_device() {
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (device == nullptr) {
        throw error(error_code::backend, "no CPU backend was found; the installation is incomplete, install it again");
    }
    return device;
}

/** Null when nothing has that name. */
ggml_backend_dev_t find_device(const std::string & name) {
    if (name == "auto") {
        ggml_backend_dev_t gpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU);
        return gpu != nullptr ? gpu : cpu_device();
    }
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        if (name == family(device) || lower(name) == lower(ggml_backend_dev_name(device))) {
            return device;
        }
    }
    return nullptr;
}

std::string device_names() {
    std::string names = "auto";
    for (const auto & device : list_devices()) {
        names += ", " + device.name;
    }
    return names;
}

ggml_backend_ptr open_device(ggml_backend_dev_t device) {
    ggml_backend_ptr backend(ggml_backend_dev_init(device, nullptr));
    if (!backend) {
        throw error(error_code::backend,
                    format("the device %s (%s) cannot be opened; is it in use, or its driver too old?",
                           ggml_backend_dev_name(device), ggml_backend_dev_description(device)));
    }
    return backend;
}

/** An optional function of the library that a backend comes from. */
template <typename Function> Function find_function(ggml_backend_t backend, const char * name) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    return reinterpret_cast<Function>(ggml_backend_reg_get_proc_address(reg, name));
}

} // namespace

std::vector<device_info> list_devices() {
    init_backends();
    std::vector<device_info> devices;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        device_info info;
        info.name        = ggml_backend_dev_name(dev);
        info.description = ggml_backend_dev_description(dev);
        info.type        = type_name(dev);
        if (ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_CPU) {
            // ggml reports all physical memory as free
            info.memory_free  = available_memory();
            info.memory_total = total_memory();
        } else {
            ggml_backend_dev_memory(dev, &info.memory_free, &info.memory_total);
        }
        devices.push_back(std::move(info));
    }
    return devices;
}

bool is_host_memory(ggml_backend_buffer_type_t buft) {
    ggml_backend_dev_t device = ggml_backend_buft_get_device(buft);
    return ggml_backend_buft_is_host(buft) || device == nullptr ||
           ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU;
}

int32_t useful_threads(size_t n_weight_bytes, int32_t n_cores) {
    constexpr size_t bytes_per_thread = 4 * 1024 * 1024;
    return int32_t(std::clamp<size_t>(n_weight_bytes / bytes_per_thread, 1, size_t(n_cores)));
}

backend_set::backend_set(const std::string & device, int32_t n_threads) {
    init_backends();
    if (n_threads < 0 || n_threads > max_threads) {
        throw error(error_code::invalid_option,
                    format("threads is %d, the limits are 0 (one per physical core) and %d", n_threads, max_threads));
    }
    ggml_backend_dev_t chosen = find_device(device);
    if (chosen == nullptr) {
        const std::string failures = load_failures();
        throw error(error_code::invalid_option,
                    format("there is no device \"%.64s\"; use one of: %s%s%s", device.c_str(), device_names().c_str(),
                           failures.empty() ? "" : ". ", failures.c_str()));
    }
    device_name_ = family(chosen);
    if (chosen != cpu_device()) {
        all_.push_back(open_device(chosen));
    }
    all_.push_back(open_device(cpu_device()));
    set_n_threads(n_threads > 0 ? n_threads : std::min(physical_cores(), max_threads));
}

void backend_set::set_n_threads(int32_t n_threads) {
    n_threads_ = n_threads;
    for (const auto & backend : all_) {
        if (auto set = find_function<ggml_backend_set_n_threads_t>(backend.get(), "ggml_backend_set_n_threads")) {
            set(backend.get(), n_threads_);
        }
    }
}

std::vector<ggml_backend_t> backend_set::all() const {
    std::vector<ggml_backend_t> backends;
    for (const auto & backend : all_) {
        backends.push_back(backend.get());
    }
    return backends;
}

void backend_set::set_abort_callback(ggml_abort_callback callback, void * data) const {
    for (const auto & backend : all_) {
        if (auto set =
                find_function<ggml_backend_set_abort_callback_t>(backend.get(), "ggml_backend_set_abort_callback")) {
            set(backend.get(), callback, data);
        }
    }
}

} // namespace bllossom

#include "backend.h"

#include "backend-libraries.h"
#include "error.h"
#include "host.h"
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

bool is_gpu(ggml_backend_dev_t device) {
    return ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU;
}

/** Whether two devices are the same hardware, seen by two backends. */
bool is_same(ggml_backend_dev_t a, ggml_backend_dev_t b) {
    ggml_backend_dev_props first{}, second{};
    ggml_backend_dev_get_props(a, &first);
    ggml_backend_dev_get_props(b, &second);
    return first.device_id != nullptr && second.device_id != nullptr &&
           std::string(first.device_id) == second.device_id;
}

/** Every GPU with memory of its own, each once. */
std::vector<ggml_backend_dev_t> discrete_gpus() {
    std::vector<ggml_backend_dev_t> gpus;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        const bool is_known =
            std::any_of(gpus.begin(), gpus.end(), [&](ggml_backend_dev_t known) { return is_same(known, device); });
        if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_GPU && !is_known) {
            gpus.push_back(device);
        }
    }
    return gpus;
}

/** PyTorch's "cuda:1" as ggml has it. */
std::string ggml_name(std::string name) {
    name.erase(std::remove(name.begin(), name.end(), ':'), name.end());
    return lower(name);
}

/** What a name other than "auto" means: all devices of a family, or one; none for what nothing is called. */
std::vector<ggml_backend_dev_t> find_devices(const std::string & name) {
    std::vector<ggml_backend_dev_t> found;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        if (lower(name) == family(device) || ggml_name(name) == lower(ggml_backend_dev_name(device))) {
            found.push_back(device);
        }
    }
    return found;
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

std::string memory_name(ggml_backend_buffer_type_t buft) {
    return is_host_memory(buft) ? "CPU" : ggml_backend_dev_name(ggml_backend_buft_get_device(buft));
}

size_t free_memory(ggml_backend_buffer_type_t buft) {
    if (is_host_memory(buft)) {
        return available_memory();
    }
    size_t free = 0, total = 0;
    ggml_backend_dev_memory(ggml_backend_buft_get_device(buft), &free, &total);
    return free;
}

void prefer_large_pages(ggml_backend_buffer_t buffer) {
    if (is_host_memory(ggml_backend_buffer_get_type(buffer))) {
        prefer_large_pages(ggml_backend_buffer_get_base(buffer), ggml_backend_buffer_get_size(buffer));
    }
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
    is_named_          = device != "auto";
    const auto devices = is_named_ ? find_devices(device) : discrete_gpus();
    if (is_named_ && devices.empty()) {
        const std::string failures = load_failures();
        throw error(error_code::invalid_option,
                    format("there is no device \"%.64s\"; use one of: %s%s%s", device.c_str(), device_names().c_str(),
                           failures.empty() ? "" : ". ", failures.c_str()));
    }
    for (ggml_backend_dev_t gpu : devices) {
        if (!is_gpu(gpu)) {
            is_named_ = false;
        } else if (is_named_) {
            gpus_.push_back(open_device(gpu));
        } else if (ggml_backend_ptr backend{ggml_backend_dev_init(gpu, nullptr)}) {
            gpus_.push_back(std::move(backend));
        }
    }
    cpu_ = open_device(cpu_device());
    set_n_threads(n_threads > 0 ? n_threads : std::min(physical_cores(), max_threads));
}

void backend_set::set_n_threads(int32_t n_threads) {
    n_threads_ = n_threads;
    for (ggml_backend_t backend : all()) {
        if (auto set = find_function<ggml_backend_set_n_threads_t>(backend, "ggml_backend_set_n_threads")) {
            set(backend, n_threads_);
        }
    }
}

std::vector<ggml_backend_t> backend_set::all() const {
    std::vector<ggml_backend_t> backends;
    for (const auto & gpu : gpus_) {
        if (gpu) {
            backends.push_back(gpu.get());
        }
    }
    backends.push_back(cpu());
    return backends;
}

std::string backend_set::device_name() const {
    return family(ggml_backend_get_device(all().front()));
}

std::string backend_set::description() const {
    std::string text;
    for (ggml_backend_t backend : all()) {
        if (backend != cpu() || text.empty()) {
            text += (text.empty() ? "" : ", ") +
                    std::string(ggml_backend_dev_description(ggml_backend_get_device(backend)));
        }
    }
    return text;
}

void backend_set::set_abort_callback(ggml_abort_callback callback, void * data) const {
    for (ggml_backend_t backend : all()) {
        if (auto set = find_function<ggml_backend_set_abort_callback_t>(backend, "ggml_backend_set_abort_callback")) {
            set(backend, callback, data);
        }
    }
}

} // namespace bllossom

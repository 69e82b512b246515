#include "simulated-gpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include <ggml-backend-impl.h> // the interface that backends implement: its one use (scripts/check-layers.mjs)
#include <ggml-cpp.h>

namespace sim {

namespace {

constexpr int n_devices            = 2;
constexpr size_t buffer_alignment  = 256;
constexpr int64_t offload_min_rows = 32; // as CUDA's backend

struct state {
    size_t total       = size_t(1) << 30;
    size_t others      = 0;
    size_t used        = 0;
    size_t most        = 0;
    int take_all       = -1; // buffers until then
    int fail_in        = -1; // graphs until then
    int graphs         = 0;
    ggml_status status = GGML_STATUS_SUCCESS;
    std::string name;
    ggml_backend_device device{};
    ggml_backend_buffer_type type{};
    ggml_backend_buffer_type pinned{};

    size_t free() const { return total > others + used ? total - others - used : 0; }
};

state states[n_devices];

state & state_of(ggml_backend_dev_t device) {
    return *static_cast<state *>(device->context);
}

// --- buffers -------------------------------------------------------------------------------------------------------

struct memory {
    state & owner;
    char * base;
    size_t size;
};

memory & memory_of(ggml_backend_buffer_t buffer) {
    return *static_cast<memory *>(buffer->context);
}

const ggml_backend_buffer_i buffer_interface = [] {
    ggml_backend_buffer_i i{};
    i.free_buffer = [](ggml_backend_buffer_t buffer) {
        memory & m = memory_of(buffer);
        m.owner.used -= m.size;
        std::free(m.base);
        delete &m;
    };
    i.get_base      = [](ggml_backend_buffer_t buffer) -> void * { return memory_of(buffer).base; };
    i.memset_tensor = [](ggml_backend_buffer_t, ggml_tensor * tensor, uint8_t value, size_t offset, size_t size) {
        std::memset(static_cast<char *>(tensor->data) + offset, value, size);
    };
    i.set_tensor = [](ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
        std::memcpy(static_cast<char *>(tensor->data) + offset, data, size);
    };
    i.get_tensor = [](ggml_backend_buffer_t, const ggml_tensor * tensor, void * data, size_t offset, size_t size) {
        std::memcpy(data, static_cast<const char *>(tensor->data) + offset, size);
    };
    i.clear = [](ggml_backend_buffer_t buffer, uint8_t value) {
        std::memset(memory_of(buffer).base, value, memory_of(buffer).size);
    };
    return i;
}();

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, size_t size) {
    state & s = state_of(type->device);
    if (s.take_all == 0) {
        s.others = s.total;
    }
    s.take_all -= s.take_all > 0;
    void * base = size <= s.free() ? std::aligned_alloc(buffer_alignment, GGML_PAD(size, buffer_alignment)) : nullptr;
    if (base == nullptr) {
        return nullptr;
    }
    std::memset(base, 0xFF, size); // NaN, as a device's memory may hold
    s.used += size;
    s.most = std::max(s.most, s.used);
    return ggml_backend_buffer_init(type, buffer_interface, new memory{s, static_cast<char *>(base), size}, size);
}

ggml_backend_buffer_type make_type(ggml_backend_dev_t device) {
    ggml_backend_buffer_type type{};
    type.device              = device;
    type.iface.get_name      = [](ggml_backend_buffer_type_t t) { return state_of(t->device).name.c_str(); };
    type.iface.alloc_buffer  = allocate;
    type.iface.get_alignment = [](ggml_backend_buffer_type_t) { return buffer_alignment; };
    return type;
}

/** Main memory, as fast to read for the device as CUDA's pinned memory is. */
ggml_backend_buffer_type make_pinned_type(ggml_backend_dev_t device) {
    ggml_backend_buffer_type type = *ggml_backend_cpu_buffer_type();
    type.device                   = device;
    type.iface.get_name           = [](ggml_backend_buffer_type_t) { return "SIM_Host"; };
    type.iface.alloc_buffer       = [](ggml_backend_buffer_type_t t, size_t size) {
        ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
        if (buffer != nullptr) {
            buffer->buft = t;
        }
        return buffer;
    };
    return type;
}

// --- computing -----------------------------------------------------------------------------------------------------

struct stream {
    state & owner;
    ggml_backend_ptr cpu;
};

/** Whether a tensor lies on the device; a backend that let others through would hide a copy that is missing. */
bool lies_on(const ggml_tensor * tensor, const state & s) {
    const ggml_backend_buffer_t buffer = tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
    return buffer != nullptr && buffer->buft == &s.type;
}

bool has_everything(const ggml_cgraph * graph, const state & s) {
    ggml_cgraph * nodes = const_cast<ggml_cgraph *>(graph);
    for (int i = 0; i < ggml_graph_n_nodes(nodes); i++) {
        const ggml_tensor * node = ggml_graph_node(nodes, i);
        const bool is_view = node->op == GGML_OP_VIEW || node->op == GGML_OP_RESHAPE || node->op == GGML_OP_PERMUTE ||
                             node->op == GGML_OP_TRANSPOSE;
        if (node->op == GGML_OP_NONE || is_view) {
            continue; // nothing is read
        }
        for (const ggml_tensor * tensor : node->src) {
            if (tensor != nullptr && !lies_on(tensor, s)) {
                fprintf(stderr, "%s: %s reads %s, which is elsewhere\n", s.name.c_str(), node->name, tensor->name);
                return false;
            }
        }
        if (!lies_on(node, s)) {
            return false;
        }
    }
    return true;
}

ggml_status compute(ggml_backend_t backend, ggml_cgraph * graph) {
    stream & st = *static_cast<stream *>(backend->context);
    state & s   = st.owner;
    s.graphs++;
    if (s.fail_in > 0 && --s.fail_in == 0) {
        return s.status;
    }
    return has_everything(graph, s) ? ggml_backend_graph_compute(st.cpu.get(), graph) : GGML_STATUS_FAILED;
}

ggml_backend_t open(ggml_backend_dev_t device, const char *) {
    static ggml_guid guid = {0x51, 0x4d};
    ggml_backend_i iface{};
    iface.get_name      = [](ggml_backend_t b) { return static_cast<stream *>(b->context)->owner.name.c_str(); };
    iface.graph_compute = compute;
    iface.free          = [](ggml_backend_t b) {
        delete static_cast<stream *>(b->context);
        delete b;
    };
    ggml_backend_ptr cpu(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu.get()));
    reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads"))(cpu.get(), 1);
    return new ggml_backend{&guid, iface, device, new stream{state_of(device), std::move(cpu)}};
}

// --- the devices ---------------------------------------------------------------------------------------------------

int64_t rows_of(const ggml_tensor * op) {
    return op->op == GGML_OP_GET_ROWS ? 0 : op->op == GGML_OP_MUL_MAT ? op->ne[1] : ggml_nrows(op);
}

ggml_backend_device_i device_interface() {
    ggml_backend_device_i i{};
    i.get_name        = [](ggml_backend_dev_t device) { return state_of(device).name.c_str(); };
    i.get_description = [](ggml_backend_dev_t) { return "simulated GPU"; };
    i.get_memory      = [](ggml_backend_dev_t device, size_t * free, size_t * total) {
        *free  = state_of(device).free();
        *total = state_of(device).total;
    };
    i.get_type  = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; };
    i.get_props = [](ggml_backend_dev_t device, ggml_backend_dev_props * props) {
        const state & s = state_of(device);
        *props = {s.name.c_str(), "simulated GPU", s.free(), s.total, GGML_BACKEND_DEVICE_TYPE_GPU, nullptr, {}};
        props->caps.host_buffer = true;
    };
    i.init_backend         = open;
    i.get_buffer_type      = [](ggml_backend_dev_t device) { return &state_of(device).type; };
    i.get_host_buffer_type = [](ggml_backend_dev_t device) { return &state_of(device).pinned; };
    i.supports_op          = [](ggml_backend_dev_t, const ggml_tensor *) { return true; };
    i.supports_buft        = [](ggml_backend_dev_t device, ggml_backend_buffer_type_t t) {
        return t == &state_of(device).type;
    };
    i.offload_op = [](ggml_backend_dev_t, const ggml_tensor * op) { return rows_of(op) >= offload_min_rows; };
    return i;
}

ggml_backend_reg registry = [] {
    ggml_backend_reg reg{};
    reg.api_version            = GGML_BACKEND_API_VERSION;
    reg.iface.get_name         = [](ggml_backend_reg_t) { return "SIM"; };
    reg.iface.get_device_count = [](ggml_backend_reg_t) { return size_t(n_devices); };
    reg.iface.get_device       = [](ggml_backend_reg_t, size_t index) { return &states[index].device; };
    reg.iface.get_proc_address = [](ggml_backend_reg_t, const char *) -> void * { return nullptr; };
    return reg;
}();

void register_devices() {
    for (int i = 0; i < n_devices; i++) {
        states[i].name   = "SIM" + std::to_string(i);
        states[i].device = {device_interface(), &registry, &states[i]};
        states[i].type   = make_type(&states[i].device);
        states[i].pinned = make_pinned_type(&states[i].device);
    }
    ggml_backend_register(&registry);
}

gpu gpus[n_devices];

state & state_of(const gpu * g) {
    return states[g - gpus];
}

} // namespace

void gpu::set_memory(size_t total, size_t held_by_others) {
    state & s  = state_of(this);
    s.total    = total;
    s.others   = held_by_others;
    s.take_all = -1;
    s.most     = s.used;
}

size_t gpu::allocated() const {
    return state_of(this).used;
}

size_t gpu::most_allocated() const {
    return state_of(this).most;
}

void gpu::take_all_after(int n_buffers) {
    state_of(this).take_all = n_buffers;
}

void gpu::fail_graph(int n, ggml_status status) {
    state_of(this).fail_in = n;
    state_of(this).status  = status;
}

int gpu::n_graphs() const {
    return state_of(this).graphs;
}

gpu & device(int index) {
    static std::once_flag once;
    std::call_once(once, register_devices);
    return gpus[index];
}

} // namespace sim

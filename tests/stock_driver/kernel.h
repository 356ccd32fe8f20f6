// SPDX-License-Identifier: Apache-2.0
// The part of the kernel's programming interface that the stock marvell-cesa driver uses, for a
// single-threaded process: the driver's C files see it through kernel_macros.h, the kernel's side
// (kernel.cc, crypto.cc, dma.cc) and the tests as C++. Names and meaning are the kernel's, of the
// version whose driver is linked in; the code is ours.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/// STOCK_LINUX_MAJOR and _MINOR: the kernel sources that the driver was taken from.
#define STOCK_LINUX_AT_LEAST(major, minor) \
  (STOCK_LINUX_MAJOR > (major) || (STOCK_LINUX_MAJOR == (major) && STOCK_LINUX_MINOR >= (minor)))

#ifdef __cplusplus
extern "C" {
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef u32 __le32;
typedef u32 __be32;
typedef u64 __le64;
typedef u64 __be64;
typedef unsigned gfp_t;
typedef u32 dma_addr_t;  // these SoCs have 32-bit buses
typedef int irqreturn_t;

enum { GFP_KERNEL = 1, GFP_ATOMIC = 2 };
enum { IRQ_NONE = 0, IRQ_HANDLED = 1, IRQF_ONESHOT = 0x2000 };
enum { kErrnoNotSupported = 524 };  // ENOTSUPP, which user space does not have

// --- Lists, locks, completions (one thread: a lock is checked, never waited for) --------------

struct list_head {
  struct list_head *next, *prev;
};
void INIT_LIST_HEAD(struct list_head* list);
void list_add_tail(struct list_head* entry, struct list_head* head);
void list_del(struct list_head* entry);

typedef struct {
  bool held;
} spinlock_t;
void spin_lock_init(spinlock_t* lock);
void spin_lock_bh(spinlock_t* lock);
void spin_unlock_bh(spinlock_t* lock);
void local_bh_disable(void);
void local_bh_enable(void);

typedef struct {
  int counter;
} atomic_t;

struct completion {
  bool done;
};
void init_completion(struct completion* c);
void complete(struct completion* c);
int wait_for_completion_interruptible(struct completion* c);
void wait_for_completion(struct completion* c);

// --- Memory ----------------------------------------------------------------------------------

void* kcalloc(size_t n, size_t size, gfp_t flags);
void* kmemdup(const void* from, size_t size, gfp_t flags);
void kfree(const void* p);

// --- Devices ---------------------------------------------------------------------------------

struct gen_pool;

/// What the driver asks the device tree for.
struct device_node {
  const char* compatible;
  u32 crypto_sram_size;              // 0: no such property
  struct gen_pool* crypto_srams[2];  // null: no such phandle
};

struct device {
  struct device_node* of_node;
  const char* name;
  void* driver_data;
};

struct resource {
  u64 start, end;
  const char* name;
};

struct platform_device {
  struct device dev;
  struct resource mem[3];  // a null name ends the list
  int irq[2];              // 0 ends the list
};

struct of_device_id {
  char compatible[64];
  const void* data;
};
struct platform_device_id {
  char name[32];
};
struct platform_driver {
  int (*probe)(struct platform_device*);
#if STOCK_LINUX_AT_LEAST(6, 11)
  union {
    void (*remove)(struct platform_device*);
    void (*remove_new)(struct platform_device*);
  };
#else
  int (*remove)(struct platform_device*);
  void (*remove_new)(struct platform_device*);  // since 6.3
#endif
  const struct platform_device_id* id_table;
  struct {
    const char* name;
    const struct of_device_id* of_match_table;
  } driver;
};
/// The one driver linked in (module_platform_driver).
extern const struct platform_driver* const kernel_module;

struct resource* platform_get_resource_byname(struct platform_device* pdev, unsigned type,
                                              const char* name);
int platform_get_irq(struct platform_device* pdev, unsigned index);
const struct of_device_id* of_match_node(const struct of_device_id* table,
                                         const struct device_node* node);
int of_property_read_u32(const struct device_node* node, const char* property, u32* out);
struct gen_pool* of_gen_pool_get(struct device_node* node, const char* property, int index);
void* gen_pool_dma_alloc(struct gen_pool* pool, size_t size, dma_addr_t* dma);
void gen_pool_free(struct gen_pool* pool, unsigned long addr, size_t size);

void* devm_kcalloc(struct device* dev, size_t n, size_t size, gfp_t flags);
void* devm_ioremap_resource(struct device* dev, const struct resource* res);
void* devm_platform_ioremap_resource_byname(struct platform_device* pdev, const char* name);

struct clk;
struct clk* devm_clk_get(struct device* dev, const char* name);
int clk_prepare_enable(struct clk* clk);
void clk_disable_unprepare(struct clk* clk);

typedef irqreturn_t (*irq_handler_t)(int irq, void* arg);
int devm_request_threaded_irq(struct device* dev, unsigned irq, irq_handler_t handler,
                              irq_handler_t thread_fn, unsigned long flags, const char* name,
                              void* arg);
struct cpumask;
const struct cpumask* get_cpu_mask(unsigned cpu);
unsigned cpumask_local_spread(unsigned i, int node);
int irq_set_affinity_hint(unsigned irq, const struct cpumask* mask);

u32 readl(const void* addr);
void writel(u32 value, void* addr);
void memcpy_toio(void* to, const void* from, size_t size);
void memcpy_fromio(void* to, const void* from, size_t size);

struct mbus_dram_window {
  u8 cs_index, mbus_attr;
  u64 base, size;
};
struct mbus_dram_target_info {
  u8 mbus_dram_target_id;
  int num_cs;
  struct mbus_dram_window cs[4];
};
const struct mbus_dram_target_info* mv_mbus_dram_info_nooverlap(void);

__attribute__((format(printf, 3, 4))) void kernel_log(const struct device* dev, bool error,
                                                      const char* format, ...);
void kernel_warn(const char* file, int line, const char* condition);

// --- Scatterlists and DMA ----------------------------------------------------------------------

struct scatterlist {
  void* buf;
  unsigned length;
  bool last;
  dma_addr_t dma_address;
};
void sg_init_table(struct scatterlist* sg, unsigned entries);
void sg_set_buf(struct scatterlist* sg, const void* buf, unsigned length);
void sg_init_one(struct scatterlist* sg, const void* buf, unsigned length);
struct scatterlist* sg_next(struct scatterlist* sg);
bool sg_is_last(const struct scatterlist* sg);
int sg_nents_for_len(struct scatterlist* sg, u64 len);
size_t sg_pcopy_to_buffer(struct scatterlist* sg, unsigned entries, void* to, size_t size,
                          off_t skip);

enum { SG_MITER_ATOMIC = 1, SG_MITER_TO_SG = 2, SG_MITER_FROM_SG = 4 };
struct sg_mapping_iter {
  void* addr;
  size_t length;
  struct scatterlist* sg;
  unsigned entries;
  size_t offset;
};
void sg_miter_start(struct sg_mapping_iter* iter, struct scatterlist* sg, unsigned entries,
                    unsigned flags);
bool sg_miter_skip(struct sg_mapping_iter* iter, off_t offset);
bool sg_miter_next(struct sg_mapping_iter* iter);
void sg_miter_stop(struct sg_mapping_iter* iter);

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE };
int dma_map_sg(struct device* dev, struct scatterlist* sg, int entries,
               enum dma_data_direction dir);
void dma_unmap_sg(struct device* dev, struct scatterlist* sg, int entries,
                  enum dma_data_direction dir);
dma_addr_t dma_map_resource(struct device* dev, u64 phys, size_t size, enum dma_data_direction dir,
                            unsigned long attrs);
void dma_unmap_resource(struct device* dev, dma_addr_t addr, size_t size,
                        enum dma_data_direction dir, unsigned long attrs);
int dma_mapping_error(struct device* dev, dma_addr_t addr);

struct dma_pool;
struct dma_pool* dmam_pool_create(const char* name, struct device* dev, size_t size, size_t align,
                                  size_t boundary);
void* dma_pool_alloc(struct dma_pool* pool, gfp_t flags, dma_addr_t* dma);
void* dma_pool_zalloc(struct dma_pool* pool, gfp_t flags, dma_addr_t* dma);
void dma_pool_free(struct dma_pool* pool, void* object, dma_addr_t dma);

// --- Crypto API ----------------------------------------------------------------------------------

enum {
  CRYPTO_TFM_REQ_FORBID_WEAK_KEYS = 0x100,
  CRYPTO_TFM_REQ_MAY_SLEEP = 0x200,
  CRYPTO_TFM_REQ_MAY_BACKLOG = 0x400,
  CRYPTO_ALG_ASYNC = 0x80,
  CRYPTO_ALG_KERN_DRIVER_ONLY = 0x1000,
  CRYPTO_ALG_ALLOCATES_MEMORY = 0x10000,
};

struct crypto_tfm;
struct crypto_alg {
  const char *cra_name, *cra_driver_name;
  int cra_priority;
  u32 cra_flags;
  unsigned cra_blocksize, cra_ctxsize, cra_alignmask;
  int (*cra_init)(struct crypto_tfm*);
  void (*cra_exit)(struct crypto_tfm*);
  void* cra_module;
};

// The algorithm's context follows the tfm, the request's context the request.
struct crypto_tfm {
  struct crypto_alg* __crt_alg;
  u32 crt_flags;
  unsigned reqsize;
} __attribute__((aligned(16)));
static inline void* crypto_tfm_ctx(struct crypto_tfm* tfm) { return tfm + 1; }
unsigned crypto_tfm_alg_blocksize(struct crypto_tfm* tfm);

/// What a request's completion function gets: the request; since 6.3 the request's data.
#if STOCK_LINUX_AT_LEAST(6, 3)
typedef void crypto_completion_arg;
#else
typedef struct crypto_async_request crypto_completion_arg;
#endif
typedef void (*crypto_completion_t)(crypto_completion_arg* arg, int err);

struct crypto_async_request {
  struct list_head list;
  crypto_completion_t complete;
  void* data;
  struct crypto_tfm* tfm;
  u32 flags;
};

/// The request's data, from what its completion function got.
static inline void* crypto_completion_data(crypto_completion_arg* arg) {
#if STOCK_LINUX_AT_LEAST(6, 3)
  return arg;
#else
  return arg->data;
#endif
}
void crypto_request_complete(struct crypto_async_request* req, int err);

/// Waits for a request: DECLARE_CRYPTO_WAIT, crypto_req_done as its completion function.
struct crypto_wait {
  struct completion completion;
  int err;
};
void crypto_req_done(crypto_completion_arg* arg, int err);
int crypto_wait_req(int err, struct crypto_wait* wait);

struct crypto_queue {
  struct list_head queued;   // max_qlen of them at most
  struct list_head waiting;  // the backlog
  unsigned qlen, max_qlen;   // of queued
};
void crypto_init_queue(struct crypto_queue* queue, unsigned max_qlen);
int crypto_enqueue_request(struct crypto_queue* queue, struct crypto_async_request* req);
struct crypto_async_request* crypto_dequeue_request(struct crypto_queue* queue);
struct crypto_async_request* crypto_get_backlog(struct crypto_queue* queue);

struct crypto_skcipher {
  struct crypto_tfm base;
};
struct skcipher_request {
  unsigned cryptlen;
  u8* iv;
  struct scatterlist *src, *dst;
  struct crypto_async_request base;
} __attribute__((aligned(16)));
struct skcipher_alg {
  int (*setkey)(struct crypto_skcipher* tfm, const u8* key, unsigned len);
  int (*encrypt)(struct skcipher_request* req);
  int (*decrypt)(struct skcipher_request* req);
  unsigned min_keysize, max_keysize, ivsize;
  struct crypto_alg base;
};
int crypto_register_skcipher(struct skcipher_alg* alg);
void crypto_unregister_skcipher(struct skcipher_alg* alg);
struct crypto_skcipher* crypto_alloc_skcipher(const char* name, u32 type, u32 mask);
void crypto_free_skcipher(struct crypto_skcipher* tfm);
struct skcipher_alg* crypto_skcipher_alg(struct crypto_skcipher* tfm);
int crypto_skcipher_setkey(struct crypto_skcipher* tfm, const u8* key, unsigned len);
struct skcipher_request* skcipher_request_alloc(struct crypto_skcipher* tfm, gfp_t flags);
void skcipher_request_free(struct skcipher_request* req);
int crypto_skcipher_encrypt(struct skcipher_request* req);
int crypto_skcipher_decrypt(struct skcipher_request* req);
static inline void* skcipher_request_ctx(struct skcipher_request* req) { return req + 1; }

struct crypto_ahash {
  struct crypto_tfm base;
};
struct ahash_request {
  unsigned nbytes;
  struct scatterlist* src;
  u8* result;
  struct crypto_async_request base;
} __attribute__((aligned(16)));
struct hash_alg_common {
  unsigned digestsize, statesize;
  struct crypto_alg base;
};
struct ahash_alg {
  int (*init)(struct ahash_request* req);
  int (*update)(struct ahash_request* req);
  int (*final)(struct ahash_request* req);
  int (*finup)(struct ahash_request* req);
  int (*digest)(struct ahash_request* req);
#ifdef __cplusplus
  int (*export_)(struct ahash_request* req, void* out);  // the name is a keyword here
#else
  int (*export)(struct ahash_request* req, void* out);
#endif
  int (*import)(struct ahash_request* req, const void* in);
  int (*setkey)(struct crypto_ahash* tfm, const u8* key, unsigned len);
  struct hash_alg_common halg;
};
int crypto_register_ahash(struct ahash_alg* alg);
void crypto_unregister_ahash(struct ahash_alg* alg);
struct crypto_ahash* crypto_alloc_ahash(const char* name, u32 type, u32 mask);
void crypto_free_ahash(struct crypto_ahash* tfm);
struct ahash_alg* crypto_ahash_alg(struct crypto_ahash* tfm);
int crypto_ahash_setkey(struct crypto_ahash* tfm, const u8* key, unsigned len);
struct ahash_request* ahash_request_alloc(struct crypto_ahash* tfm, gfp_t flags);
void ahash_request_free(struct ahash_request* req);
void ahash_request_set_callback(struct ahash_request* req, u32 flags, crypto_completion_t done,
                                void* data);
void ahash_request_set_crypt(struct ahash_request* req, struct scatterlist* src, u8* result,
                             unsigned nbytes);
int crypto_ahash_init(struct ahash_request* req);
int crypto_ahash_update(struct ahash_request* req);
int crypto_ahash_final(struct ahash_request* req);
int crypto_ahash_finup(struct ahash_request* req);
int crypto_ahash_digest(struct ahash_request* req);
int crypto_ahash_export(struct ahash_request* req, void* out);
int crypto_ahash_import(struct ahash_request* req, const void* in);
static inline void* ahash_request_ctx(struct ahash_request* req) { return req + 1; }

enum {
  AES_MIN_KEY_SIZE = 16,
  AES_MAX_KEY_SIZE = 32,
  AES_BLOCK_SIZE = 16,
  DES_KEY_SIZE = 8,
  DES_BLOCK_SIZE = 8,
  DES3_EDE_KEY_SIZE = 24,
  DES3_EDE_BLOCK_SIZE = 8,
  MD5_DIGEST_SIZE = 16,
  MD5_HMAC_BLOCK_SIZE = 64,
  SHA1_DIGEST_SIZE = 20,
  SHA1_BLOCK_SIZE = 64,
  SHA256_DIGEST_SIZE = 32,
  SHA256_BLOCK_SIZE = 64,
  HMAC_IPAD_VALUE = 0x36,
  HMAC_OPAD_VALUE = 0x5c,
};

struct crypto_aes_ctx {
  u32 key_enc[60], key_dec[60];
  u32 key_length;
};
/// key_dec is the schedule of the equivalent inverse cipher (FIPS 197, 5.3.5); words are read
/// from the key as little endian, as the kernel does.
int aes_expandkey(struct crypto_aes_ctx* ctx, const u8* key, unsigned len);
int verify_skcipher_des_key(struct crypto_skcipher* tfm, const u8* key);
int verify_skcipher_des3_key(struct crypto_skcipher* tfm, const u8* key);

// What export writes and import reads.
struct md5_state {
  u32 hash[4];
  u8 block[64];
  u64 byte_count;
};
struct sha1_state {
  u32 state[5];
  u64 count;
  u8 buffer[64];
};
struct sha256_state {
  u32 state[8];
  u64 count;
  u8 buf[64];
};

#ifdef __cplusplus
}  // extern "C"
#endif

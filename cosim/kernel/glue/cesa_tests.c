// SPDX-License-Identifier: GPL-2.0
/*
 * Lets the kernel's self tests of the CESA driver's algorithms run one after another. Up to 6.1 the
 * registration of an algorithm waits for its test; later all tests of the driver run at once, and
 * the hash tests then meet the driver's double free of dma.cache, of which the unit hangs. The
 * tests themselves, the test manager and the driver are the kernel's.
 */
#include <linux/crypto.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <internal.h>

#define CESA_TEST_POLL_MS	50	/* of simulated time; each look costs the host a turn */
#define CESA_TEST_LIMIT_MS	5000	/* one that fails is never marked */

struct cesa_test {
	struct work_struct work;
	struct crypto_alg *alg;
};

static struct workqueue_struct *queue;
static struct crypto_alg *started;

static void cesa_test_run(struct work_struct *work)
{
	struct cesa_test *test = container_of(work, struct cesa_test, work);
	unsigned int ms;

	WRITE_ONCE(started, test->alg);
	crypto_probing_notify(CRYPTO_MSG_ALG_REGISTER, test->alg);
	for (ms = 0; ms < CESA_TEST_LIMIT_MS; ms += CESA_TEST_POLL_MS) {
		if (READ_ONCE(test->alg->cra_flags) & CRYPTO_ALG_TESTED)
			goto out;
		msleep(CESA_TEST_POLL_MS);
	}
	/* init looks whether it failed; else it may still run beside the next. */
	pr_warn("cesa_tests: %s has not passed after %u ms\n", test->alg->cra_driver_name,
		CESA_TEST_LIMIT_MS);
out:
	kfree(test);
}

/* Before the test manager's own: takes the algorithm, and lets it through when it is its turn. */
static int cesa_test_notify(struct notifier_block *nb, unsigned long message, void *data)
{
	struct crypto_alg *alg = data;
	struct cesa_test *test;

	if (message != CRYPTO_MSG_ALG_REGISTER || strncmp(alg->cra_driver_name, "mv-", 3) ||
	    READ_ONCE(started) == alg)
		return NOTIFY_DONE;
	test = kzalloc(sizeof(*test), GFP_KERNEL);
	if (!test)
		return NOTIFY_DONE;
	test->alg = alg;
	INIT_WORK(&test->work, cesa_test_run);
	queue_work(queue, &test->work);
	return NOTIFY_STOP;
}

static struct notifier_block cesa_test_notifier = {
	.notifier_call = cesa_test_notify,
	.priority = 1,
};

static int __init cesa_tests_init(void)
{
	int ret;

	queue = alloc_ordered_workqueue("cesa_tests", 0);
	if (!queue)
		return -ENOMEM;
	ret = crypto_register_notifier(&cesa_test_notifier);
	if (ret)
		destroy_workqueue(queue);
	return ret;
}

static void __exit cesa_tests_exit(void)
{
	crypto_unregister_notifier(&cesa_test_notifier);
	destroy_workqueue(queue);
}

module_init(cesa_tests_init);
module_exit(cesa_tests_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The self tests of the CESA driver's algorithms one after another");

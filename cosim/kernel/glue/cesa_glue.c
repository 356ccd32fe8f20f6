// SPDX-License-Identifier: GPL-2.0
/*
 * Shows the simulated PCI function to the CESA driver as the platform device that it expects:
 * registers (BAR 0), one SRAM per engine (BAR 1, every 64 KiB), one interrupt per engine (MSI-X),
 * and a device-tree node that names the variant.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#define CESA_ENGINES_MAX	2
#define CESA_ENGINE_STRIDE	0x2000
#define CESA_SRAM_STRIDE	0x10000
#define CESA_TDMA_WIN_BASE	0xa00
#define CESA_TDMA_WIN_CTRL	0xa04
#define CESA_TDMA_WIN_ALL	0xffff0001	/* 4 GiB, enabled */

static char *variant = "none";
module_param(variant, charp, 0444);
MODULE_PARM_DESC(variant, "compatible of the device-tree node, or none (Orion: no node, no DMA)");
static unsigned int engines = 1;
module_param(engines, uint, 0444);
static unsigned int sram_bytes = 2048;
module_param(sram_bytes, uint, 0444);
static unsigned int sram_reserved;
module_param(sram_reserved, uint, 0444);
MODULE_PARM_DESC(sram_reserved, "bytes at the start of the SRAM that belong to somebody else");
static bool tdma = true;
module_param(tdma, bool, 0444);

/* On the SoC the Mbus driver tells the address windows; here is one DRAM from 0. */
static int cesa_glue_windows(struct pci_dev *pdev)
{
	void __iomem *regs = pci_iomap(pdev, 0, 0);
	unsigned int i;

	if (!regs)
		return -ENOMEM;
	for (i = 0; i < engines; i++) {
		writel(0, regs + i * CESA_ENGINE_STRIDE + CESA_TDMA_WIN_BASE);
		writel(CESA_TDMA_WIN_ALL, regs + i * CESA_ENGINE_STRIDE + CESA_TDMA_WIN_CTRL);
	}
	pci_iounmap(pdev, regs);
	return 0;
}

static int cesa_glue_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	static const char *const sram_names[] = { "sram0", "sram1" };
	struct resource res[1 + 2 * CESA_ENGINES_MAX] = {};
	struct platform_device_info info = {
		.parent = &pdev->dev,
		.name = "mv_crypto",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(32),
		.of_node_reused = true,
		.res = res,
	};
	struct platform_device *device;
	struct device_node *node = NULL;
	unsigned int i, n = 0;
	int ret;

	if (engines < 1 || engines > CESA_ENGINES_MAX || sram_reserved >= sram_bytes)
		return -EINVAL;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, engines, engines, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret, "no interrupt vectors\n");
	if (tdma) {
		ret = cesa_glue_windows(pdev);
		if (ret)
			goto free_vectors;
	}
	if (strcmp(variant, "none")) {
		node = of_find_compatible_node(NULL, NULL, variant);
		if (!node) {
			ret = -ENODEV;
			dev_err(&pdev->dev, "no device-tree node for %s\n", variant);
			goto free_vectors;
		}
		info.fwnode = of_fwnode_handle(node);
	}

	/* The parent keeps platform_device_add() from claiming them beside the PCI tree. */
	res[n] = (struct resource)DEFINE_RES_MEM_NAMED(pci_resource_start(pdev, 0),
						       pci_resource_len(pdev, 0), "regs");
	res[n++].parent = &pdev->resource[0];
	for (i = 0; i < engines; i++) {
		res[n] = (struct resource)DEFINE_RES_MEM_NAMED(
			pci_resource_start(pdev, 1) + i * CESA_SRAM_STRIDE + sram_reserved,
			sram_bytes - sram_reserved, engines > 1 ? sram_names[i] : "sram");
		res[n++].parent = &pdev->resource[1];
	}
	for (i = 0; i < engines; i++)
		res[n++] = (struct resource)DEFINE_RES_IRQ(pci_irq_vector(pdev, i));
	info.num_res = n;

	device = platform_device_register_full(&info);
	if (IS_ERR(device)) {
		ret = PTR_ERR(device);
		goto put_node;
	}
	pci_set_drvdata(pdev, device);
	return 0;

put_node:
	of_node_put(node);
free_vectors:
	pci_free_irq_vectors(pdev);
	return ret;
}

static void cesa_glue_remove(struct pci_dev *pdev)
{
	platform_device_unregister(pci_get_drvdata(pdev));
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id cesa_glue_ids[] = { { PCI_DEVICE(0x11ab, 0xce5a) }, {} };
MODULE_DEVICE_TABLE(pci, cesa_glue_ids);

static struct pci_driver cesa_glue = {
	.name = "cesa-glue",
	.id_table = cesa_glue_ids,
	.probe = cesa_glue_probe,
	.remove = cesa_glue_remove,
};
module_pci_driver(cesa_glue);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The simulated CESA as a platform device");

# make dist and make deb.

.PHONY: dist deb
dist:
	@sh .packaging/dist.sh '$(BUILD)/dist' $(VERSION)
deb: dist
	@sh .packaging/deb.sh '$(BUILD)/deb' '$(BUILD)/dist/perpcore-$(VERSION).tar.gz' $(VERSION)

from datetime import date
def test_smoke(filled):
    import time
    t=time.time()
    r = filled.build(date(2026,3,3))
    print(time.time()-t)
    for m in r.models: 
        if m.status!='passed': print(m.name,m.status,m.message)
        else: print(m.name,m.rows,m.product,m.kind,m.feeds)
    for c in r.checks:
        if c.status!='passed': print(c.name,c.status,c.message, c.compiled_sql)
    print(r.warnings, r.affected)
    assert 0

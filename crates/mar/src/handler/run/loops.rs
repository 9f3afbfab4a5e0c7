//! `for` and `while` come in; what holds after so many rounds as are known, or after any number, comes out.

use envdiff_python::tree::{Expr, Stmt};

use super::source::bound_in;
use super::{Done, Flow, ROUNDS, Run, join_either, join_flows};
use crate::handler::value::Value;

impl Run<'_> {
    pub(super) fn repeat(&mut self, test: &Expr, body: &[Stmt], orelse: &[Stmt]) -> Done<Flow> {
        let mut rounds = 0;
        loop {
            let value = self.eval(test)?;
            match self.truth(&value) {
                Some(false) => return self.block(orelse),
                Some(true) if rounds < ROUNDS => {}
                Some(true) => {
                    self.cannot_see("a loop at load runs until something happens that cannot be seen here");
                    return Ok(Flow::On);
                }
                None => {
                    self.forget(body);
                    let flow = self.perhaps(|run| run.block(body))?;
                    self.forget(body);
                    return Ok(after_loop(flow));
                }
            }
            rounds += 1;
            match self.deeper(|run| run.block(body))? {
                Flow::On | Flow::Continue => {}
                Flow::Break => return Ok(Flow::On),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Perhaps(flow) => {
                    // It perhaps ended in this round: what follows is not known any more.
                    self.forget(body);
                    let again = self.perhaps(|run| run.block(body))?;
                    self.forget(body);
                    return Ok(join_either(after_loop(Flow::Perhaps(flow)), after_loop(again)));
                }
            }
        }
    }

    pub(super) fn for_each(
        &mut self,
        target: &Expr,
        iter: &Expr,
        body: &[Stmt],
        orelse: &[Stmt],
    ) -> Done<Flow> {
        let over = self.eval(iter)?;
        self.set_at(iter.at);
        let Some(items) = self.iterate(&over)?.filter(|items| items.len() <= ROUNDS) else {
            self.forget(body);
            let flow = self.perhaps(|run| {
                run.bind(target, Value::Unknown)?;
                run.block(body)
            })?;
            self.forget(body);
            self.bind(target, Value::Unknown)?;
            return Ok(after_loop(flow));
        };
        let mut ended: Option<Flow> = None;
        for item in items {
            self.bind(target, item)?;
            match self.deeper(|run| run.block(body))? {
                Flow::On | Flow::Continue => {}
                Flow::Break => return Ok(ended.map_or(Flow::On, |flow| Flow::Perhaps(Box::new(flow)))),
                Flow::Return(value) => {
                    return Ok(match ended {
                        None => Flow::Return(value),
                        Some(flow) => join_flows(flow, Flow::Return(value)),
                    });
                }
                Flow::Perhaps(flow) => match *flow {
                    Flow::Continue => {}
                    Flow::Break => {
                        // The rounds that are left are perhaps not made.
                        self.forget(body);
                        let again = self.perhaps(|run| {
                            run.bind(target, Value::Unknown)?;
                            run.block(body)
                        })?;
                        self.forget(body);
                        let flow = after_loop(again);
                        return Ok(match ended {
                            None => flow,
                            Some(before) => join_either(Flow::Perhaps(Box::new(before)), flow),
                        });
                    }
                    other => {
                        ended = Some(match ended {
                            None => other,
                            Some(before) => join_flows(before, other),
                        });
                    }
                },
            }
        }
        let flow = self.block(orelse)?;
        Ok(match ended {
            None => flow,
            Some(before) => join_either(Flow::Perhaps(Box::new(before)), flow),
        })
    }

    /// Forgets what a loop's body binds, for a number of rounds that is not known.
    pub(super) fn forget(&mut self, body: &[Stmt]) {
        let mut names = Vec::new();
        bound_in(body, &mut names);
        for name in names {
            self.set_name(&name, Value::Unknown);
        }
    }
}

/// After a loop: what ended it ends it alone.
pub(super) fn after_loop(flow: Flow) -> Flow {
    match flow {
        Flow::On | Flow::Break | Flow::Continue => Flow::On,
        Flow::Return(value) => Flow::Perhaps(Box::new(Flow::Return(value))),
        Flow::Perhaps(inner) => match *inner {
            Flow::Return(value) => Flow::Perhaps(Box::new(Flow::Return(value))),
            _ => Flow::On,
        },
    }
}

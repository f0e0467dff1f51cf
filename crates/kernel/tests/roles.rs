//! What roles allow, who may change that, and who may give them to whom.

#![cfg(test)]

mod support;

use std::sync::Arc;

use kernel::{
    Actor, AddMember, CabinetRules, ChangeRole, Code, Command, CreateRole, DeleteRole, DepartmentId, EditRole,
    FactorCommand, Grants, HouseRole, Instant, Member, MemberId, NewGrant, Noun, Outcome, Overdraft, Permission,
    Permissions, Profile, Refusal, ResetFactor, Rights, Role, RoleCode, RoleCommand, RoleGrant, RoleScope, Scope,
    SetPassword, StoreId,
};
use support::{Answer, Asked, Database, House, Ids, check_books};

struct World {
    database: Database,
    ids: Ids,
    house: House,
}

fn code(text: &str) -> RoleCode {
    text.parse().expect("a code")
}

fn create(text: &str, scope: RoleScope, permissions: &[Permission]) -> RoleCommand {
    RoleCommand::Create(CreateRole {
        code: code(text),
        name_zh: "角色".to_owned().try_into().expect("a name"),
        name_en: "Role".to_owned().try_into().expect("a name"),
        scope,
        permissions: Permissions::of(permissions),
    })
}

fn edit(role: &HouseRole, permissions: &[Permission]) -> RoleCommand {
    RoleCommand::Edit(EditRole {
        code: role.code,
        seen: role.revision,
        name_zh: role.name_zh.clone(),
        name_en: role.name_en.clone(),
        permissions: Permissions::of(permissions),
    })
}

fn delete(role: &HouseRole) -> RoleCommand {
    RoleCommand::Delete(DeleteRole { code: role.code, seen: role.revision })
}

fn everywhere(role: impl Into<RoleCode>) -> RoleGrant {
    RoleGrant { role: role.into(), scope: Scope::Everywhere }
}

impl World {
    fn new() -> Self {
        let now: Instant = "2026-03-02T01:00:00Z".parse().expect("an instant");
        let house = House { now, overdraft_limit: Some(Overdraft::NONE), cabinet: CabinetRules::default() };
        Self { database: Database::new(), ids: Ids::default(), house }
    }

    fn run(&mut self, actor: Actor, command: Command) -> Answer {
        self.run_together([Asked { command, actor }]).remove(0)
    }

    /// In one batch, one after the other.
    fn run_together(&mut self, batch: impl Into<Vec<Asked>>) -> Vec<Answer> {
        let mut answers = Vec::new();
        support::run(&mut self.database, &mut self.ids, &self.house, &batch.into(), |_, answer, _| {
            answers.push(answer.clone());
        });
        check_books(&self.database);
        answers
    }

    fn role(&mut self, actor: Actor, command: RoleCommand) -> Result<HouseRole, Refusal> {
        self.run(actor, Command::Role(command)).map(|outcome| match outcome {
            Outcome::Role { role } => role,
            other => panic!("{other:?}"),
        })
    }

    fn made(&mut self, text: &str, scope: RoleScope, permissions: &[Permission]) -> HouseRole {
        self.role(Actor::house(), create(text, scope, permissions)).expect("made")
    }

    fn stored(&self, role: impl Into<RoleCode>) -> HouseRole {
        self.database.roles[&role.into()].0.clone()
    }

    fn member(&mut self, grants: &[RoleGrant]) -> Member {
        let number = self.ids.0;
        let add = AddMember {
            profile: Profile { uid: format!("uid-{number}"), nickname: "李".to_owned() },
            account: Some(format!("account-{number}").try_into().expect("a name")),
            password_hash: None,
            openid: None,
            department: None,
            overdraft_limit: None,
            grants: grants.iter().copied().map(NewGrant::As).collect(),
        };
        match self.run(Actor::house(), Command::AddMember(add)) {
            Ok(Outcome::Member { member }) => member,
            other => panic!("{other:?}"),
        }
    }

    /// As a request of the member's is: with what the roles allow now.
    fn by(&self, member: &Member) -> Actor {
        let grants: &Grants = &self.database.members[&member.id].0.grants;
        let rights = Rights::new(grants, |code| self.database.roles.get(&code).map(|(role, _)| role.permissions));
        Actor { member: Some(member.id), rights: Arc::new(rights) }
    }

    fn change(&mut self, actor: Actor, member: MemberId, grant: RoleGrant, held: bool) -> Answer {
        self.run(actor, Command::ChangeRole(ChangeRole { member, grant, held }))
    }

    fn audits(&self, action: &str) -> Vec<(Option<String>, Option<String>)> {
        let records = self.database.audits.iter().filter(|record| record.action == action);
        records.map(|record| (record.before.clone(), record.after.clone())).collect()
    }
}

#[test]
fn a_role_is_made_changed_and_deleted_and_all_of_it_is_on_record() {
    let mut world = World::new();
    let made = world.made("cook", RoleScope::House, &[Permission::MealRead, Permission::OrderRedeem]);
    assert_eq!((made.revision, made.deleted_at), (1, None));
    let again = create("cook", RoleScope::House, &[]);
    assert_eq!(world.role(Actor::house(), again), Err(Refusal::RoleTaken { code: code("cook") }));

    let changed = world.role(Actor::house(), edit(&made, &[Permission::MealRead])).expect("changed");
    assert_eq!((changed.id, changed.revision), (made.id, 2));
    assert_eq!(changed.permissions, Permissions::of(&[Permission::MealRead]));
    let same = world.role(Actor::house(), edit(&changed, &[Permission::MealRead])).expect("no change");
    assert_eq!(same, changed);

    for late in [edit(&made, &[]), delete(&made)] {
        assert_eq!(world.role(Actor::house(), late), Err(Refusal::RoleChanged { version: 2 }));
    }
    world.role(Actor::house(), delete(&changed)).expect("deleted");
    for gone in [edit(&changed, &[]), delete(&changed)] {
        assert_eq!(world.role(Actor::house(), gone), Err(Refusal::NotFound { noun: Noun::Role }));
    }
    let anew = world.made("cook", RoleScope::Store, &[]);
    assert_eq!((anew.id, anew.revision, anew.scope), (made.id, 4, RoleScope::Store));

    assert_eq!(world.audits("role.create").len(), 2);
    let edits = world.audits("role.edit");
    assert_eq!(edits.len(), 1);
    let (before, after) = &edits[0];
    assert!(before.as_ref().is_some_and(|before| before.contains(r#""permissions":["order:redeem","meal:read"]"#)));
    assert!(after.as_ref().is_some_and(|after| after.contains(r#""permissions":["meal:read"]"#)));
    let deletes = world.audits("role.delete");
    assert!(matches!(&deletes[..], [(Some(_), None)]), "{deletes:?}");
}

#[test]
fn nobody_can_lock_the_house_out() {
    let mut world = World::new();
    let admin = world.stored(Role::Admin);
    assert_eq!(world.role(Actor::house(), edit(&admin, &[])), Err(Refusal::RoleFixed));
    for role in Role::ALL {
        let role = world.stored(role);
        assert_eq!(world.role(Actor::house(), delete(&role)), Err(Refusal::RoleBuiltIn));
    }
    let boss = world.member(&[everywhere(Role::Admin)]);
    let taken = world.change(world.by(&boss), boss.id, everywhere(Role::Admin), false);
    assert_eq!(taken, Err(Refusal::LastAdministrator));
    let support = world.stored(Role::Support);
    world.role(world.by(&boss), edit(&support, &[])).expect("every other role can be emptied");
}

#[test]
fn a_role_that_somebody_holds_stays() {
    let mut world = World::new();
    let role = world.made("guard", RoleScope::Store, &[Permission::CabinetRead]);
    // A code that is like it but for what a pattern takes for any character.
    world.made("guar_", RoleScope::Store, &[]);
    world.member(&[everywhere(code("guar_"))]);
    let (one, other) = (world.member(&[]), world.member(&[everywhere(role.code)]));
    let here = RoleGrant { role: role.code, scope: Scope::Everywhere };
    world.change(Actor::house(), one.id, here, true).expect("given");
    assert_eq!(world.role(Actor::house(), delete(&role)), Err(Refusal::RoleHeld { holders: 2 }));
    for member in [&one, &other] {
        world.change(Actor::house(), member.id, here, false).expect("taken");
    }
    world.role(Actor::house(), delete(&role)).expect("deleted");
    let given = world.change(Actor::house(), one.id, here, true);
    assert_eq!(given, Err(Refusal::NotFound { noun: Noun::Role }));
}

#[test]
fn one_batch_sees_what_it_has_given_and_deleted() {
    let mut world = World::new();
    let member = world.member(&[]);
    let role = world.made("guard", RoleScope::House, &[]);
    let give = |held| Command::ChangeRole(ChangeRole { member: member.id, grant: everywhere(role.code), held });
    let commands = [give(true), Command::Role(delete(&role)), give(false), Command::Role(delete(&role)), give(true)];
    let asked = commands.map(|command| Asked { command, actor: Actor::house() });
    let answers = world.run_together(asked);
    assert_eq!(answers[1], Err(Refusal::RoleHeld { holders: 1 }));
    assert!(answers[2].is_ok() && answers[3].is_ok());
    assert_eq!(answers[4], Err(Refusal::NotFound { noun: Noun::Role }));
}

#[test]
fn a_limited_role_has_only_what_can_be_limited() {
    let mut world = World::new();
    let permissions = Permissions::of(&[Permission::WalletWrite]);
    for scope in [RoleScope::Department, RoleScope::Store] {
        let asked = create("guard", scope, &[Permission::MealRead, Permission::WalletWrite]);
        let refused = world.role(Actor::house(), asked).expect_err("refused");
        assert_eq!(refused, Refusal::PermissionScope { permissions, scope });
        assert_eq!(refused.code(), Code::ValidationError);
    }
    let made = world.made("guard", RoleScope::Department, &[Permission::DepartmentBook]);
    let refused = world.role(Actor::house(), edit(&made, &[Permission::WalletWrite]));
    assert_eq!(refused, Err(Refusal::PermissionScope { permissions, scope: RoleScope::Department }));

    let member = world.member(&[]).id;
    let fits = |role: &HouseRole, scope| match scope {
        Scope::Everywhere => role.scope != RoleScope::Department,
        Scope::Department(_) => role.scope == RoleScope::Department,
        Scope::Store(_) => role.scope == RoleScope::Store,
    };
    let guard = world.stored(code("guard"));
    for role in [world.stored(Role::Finance), guard, world.stored(Role::StoreStaff)] {
        for scope in [Scope::Everywhere, Scope::Department(DepartmentId::new(1)), Scope::Store(StoreId::new(1))] {
            let given = world.change(Actor::house(), member, RoleGrant { role: role.code, scope }, true);
            let is_refused = given == Err(Refusal::RoleScope { role: role.code, scope: role.scope });
            assert_eq!(is_refused, !fits(&role, scope), "{role:?} in {scope:?}: {given:?}");
        }
    }
}

#[test]
fn nobody_gives_or_takes_what_they_do_not_hold() {
    let mut world = World::new();
    let clerk = [Permission::MemberRead, Permission::MemberWrite, Permission::RoleWrite, Permission::WalletRead];
    let clerk = world.made("clerk", RoleScope::House, &clerk);
    let small = world.made("small", RoleScope::House, &[Permission::WalletRead]);
    let (boss, chief) = (world.member(&[everywhere(Role::Admin)]), world.member(&[everywhere(clerk.code)]));
    let beyond = |permissions: &[Permission]| Refusal::BeyondYours { permissions: Permissions::of(permissions) };

    // Into a role, one's own as well.
    let asked = create("large", RoleScope::House, &[Permission::WalletRead, Permission::WalletWrite]);
    let refused = world.role(world.by(&chief), asked).expect_err("refused");
    assert_eq!(refused, beyond(&[Permission::WalletWrite]));
    assert_eq!(refused.code(), Code::PermissionDenied);
    let more = edit(&clerk, &[Permission::RoleWrite, Permission::JobRun]);
    assert_eq!(world.role(world.by(&chief), more), Err(beyond(&[Permission::JobRun])));
    // What somebody else has put there may stay, and may go.
    let finance = world.stored(Role::Finance);
    let rest: Vec<_> = finance.permissions.iter().filter(|one| *one != Permission::AuditRead).collect();
    world.role(world.by(&chief), edit(&finance, &rest)).expect("less than before");

    // To somebody, oneself included.
    let anybody = world.member(&[]);
    for member in [anybody.id, chief.id] {
        for grant in [everywhere(Role::Admin), everywhere(Role::Finance)] {
            let refused = world.change(world.by(&chief), member, grant, true).expect_err("refused");
            assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
        }
    }
    world.change(world.by(&chief), anybody.id, everywhere(small.code), true).expect("their own");
    let deputy = world.member(&[everywhere(Role::Admin)]);
    let refused = world.change(world.by(&chief), deputy.id, everywhere(Role::Admin), false).expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    world.change(world.by(&boss), deputy.id, everywhere(Role::Admin), false).expect("taken");
}

#[test]
fn what_is_held_in_one_place_is_given_in_no_other() {
    let mut world = World::new();
    let (here, there) = (Scope::Store(StoreId::new(1)), Scope::Store(StoreId::new(2)));
    let keeper = world.made("keeper", RoleScope::Store, &[Permission::CabinetRead]);
    let rights =
        Rights::new(&Grants::new(vec![RoleGrant { role: keeper.code, scope: here }]), |_| Some(keeper.permissions));
    let member = world.member(&[]);
    let actor = || Actor { member: Some(MemberId::new(7)), rights: Arc::new(rights.clone()) };
    let grant = |scope| RoleGrant { role: keeper.code, scope };
    // Whether the store is there is asked first.
    for (scope, refusal) in [
        (Scope::Everywhere, Refusal::BeyondYours { permissions: keeper.permissions }),
        (here, Refusal::NotFound { noun: Noun::Store }),
        (there, Refusal::NotFound { noun: Noun::Store }),
    ] {
        assert_eq!(world.change(actor(), member.id, grant(scope), true), Err(refusal));
    }
    let refused = world.role(actor(), create("other", RoleScope::Store, &[Permission::CabinetRead]));
    assert_eq!(refused, Err(Refusal::BeyondYours { permissions: keeper.permissions }));
}

#[test]
fn nobody_gets_into_an_account_that_may_do_more() {
    let mut world = World::new();
    let clerk = world.made("clerk", RoleScope::House, &[Permission::MemberWrite]);
    let (boss, chief, member) =
        (world.member(&[everywhere(Role::Admin)]), world.member(&[everywhere(clerk.code)]), world.member(&[]));
    let password = |member: &Member| {
        Command::SetPassword(SetPassword {
            member: member.id,
            password_hash: "$argon2id$".to_owned(),
            close: Vec::new(),
        })
    };
    let reset = |member: &Member| {
        let reason = "lost".to_owned().try_into().expect("a note");
        Command::Factor(FactorCommand::ResetFactor(ResetFactor { member: member.id, reason }))
    };
    for command in [password(&boss), reset(&boss)] {
        let refused = world.run(world.by(&chief), command).expect_err("refused");
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    }
    world.run(world.by(&chief), password(&member)).expect("set");
    world.run(world.by(&boss), password(&chief)).expect("set");
    // One's own, whatever the request was let in with.
    let alone = Actor { member: Some(boss.id), rights: Arc::default() };
    world.run(alone, password(&boss)).expect("set");
}
